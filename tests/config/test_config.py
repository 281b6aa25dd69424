"""Tests of framework/config/config.py."""

import dataclasses

import pytest

from framework.config.config import Config
from framework.errors import UsageError

MACHINE = {
    "input": "stream",
    "strategy": "mirrored",
    "devices": 2,
    "steps_per_call": 7,
    "workdir": "elsewhere",
    "keep_checkpoints": 9,
    "fresh": True,
    "allow_config_change": True,
}


def test_the_defaults_are_a_config():
    assert Config().difference(Config()) == {}


def test_a_changed_config_is_checked_as_well():
    with pytest.raises(UsageError, match="batch_size"):
        dataclasses.replace(Config(), batch_size=0)


def test_difference_lists_what_the_numbers_depend_on():
    changed = Config(learning_rate=0.1, seed=1, train_for="5ep")
    assert Config().difference(changed) == {
        "learning_rate": (1e-3, 0.1),
        "train_for": ("20ep", "5ep"),
        "seed": (0, 1),
    }


def test_difference_ignores_how_a_run_is_carried_out():
    changed = Config(**MACHINE)
    assert all(getattr(changed, name) != getattr(Config(), name) for name in MACHINE)
    assert Config().difference(changed) == {}
