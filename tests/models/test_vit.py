"""Tests of framework/models/vit.py."""

import pytest

from framework import models
from framework.config import Config
from framework.errors import UsageError
from framework.launch.run import run


def test_it_learns(tmp_path):
    config = Config(
        dataset="digits",
        model="vit(patch=2, width=16, depth=1, heads=2, dropout=.1)",
        train_for="5ep",
        workdir=str(tmp_path),
    )
    assert run(config, quiet=True).history["validation/accuracy"][-1] > 0.5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("patch=3", "patch must divide the height and width of the images, 8 and 8"),
        ("patch=0", "patch must divide"),
        ("width=10, heads=3", "heads must divide width=10, not 3"),
        ("depth=0", "depth must be at least 1, not 0"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(UsageError, match=message):
        models.build(f"vit({arguments})")((8, 8, 3), 10)
