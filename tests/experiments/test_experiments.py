"""Tests of experiments: each file there runs."""

import dataclasses
import importlib
import pathlib

import pytest

from framework.config import Config
from framework.launch.run import run

FOLDER = pathlib.Path(__file__).parents[2] / "experiments"
# Commands with a loop of their own, which their own tests run.
COMMANDS = {"lr_range", "selfcheck", "tpu_check"}
NAMES = sorted({path.stem for path in FOLDER.glob("[!_]*.py")} - COMMANDS)


@pytest.mark.extended
@pytest.mark.parametrize("name", NAMES)
def test_two_steps(tmp_path, name):
    config = importlib.import_module(f"experiments.{name}").CONFIG
    dataset = config.dataset.replace("train=1000", "train=64")
    changes = {"dataset": dataset, "train_for": "2", "workdir": str(tmp_path / name)}
    result = run(dataclasses.replace(config, **changes))
    assert len(result.history) == 1
    assert name in config.workdir or config.workdir == Config.workdir
