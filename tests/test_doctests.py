"""Runs the examples in docstrings of public families and of the Python API."""

import doctest
import importlib

import pytest

MODULES = (
    "framework.augment",
    "framework.augment.augmix",
    "framework.augment.choice",
    "framework.augment.color",
    "framework.augment.erase",
    "framework.augment.filters",
    "framework.augment.geometry",
    "framework.augment.mix",
    "framework.augment.normalize",
    "framework.augment.resample",
    "framework.models",
    "framework.models.cnn",
    "framework.models.layers",
    "framework.models.mlp",
    "framework.models.pooled",
    "framework.models.relu",
    "framework.models.resnet",
    "framework.numerics.draws",
    "framework.numerics.intervals",
    "framework.numerics.metrics",
    "framework.optim.optimizers",
    "framework.optim.step_stats",
    "framework.schedules",
    "framework.schedules.algebra",
    "framework.schedules.cycles",
    "framework.schedules.expressions",
    "framework.schedules.greedy",
    "framework.schedules.learning_rate",
    "framework.schedules.plateau",
    "framework.schedules.range_test",
    "framework.schedules.shapes",
    "framework.schedules.tables",
    "framework.system.json_text",
    "framework.system.network",
    "framework.system.printable",
    "framework.system.waiting",
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_give_their_numbers(name):
    failed, attempted = doctest.testmod(importlib.import_module(name))
    assert attempted
    assert not failed
