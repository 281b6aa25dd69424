"""A run that tests of several files look into."""

import dataclasses

import pytest

from framework.config import Config
from framework.launch.run import run

_CONFIG = Config(
    model="mlp(units=(16,), dropout=.2)",
    # Momentum would go on, however low the rate of a branch.
    optimizer="sgd",
    learning_rate=0.3,
    batch_size=64,
    train_for="4ep",
    checkpoint_every="2ep",
)


@pytest.fixture(scope="session")
def trained_run(tmp_path_factory):
    """Returns the folder of a run that has ended."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    run(dataclasses.replace(_CONFIG, workdir=str(folder)), quiet=True)
    return folder
