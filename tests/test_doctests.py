"""Runs the examples in the docstrings of the public families and functions."""

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
    "framework.config.config",
    "framework.config.durations",
    "framework.config.flags",
    "framework.config.grammar",
    "framework.config.guesses",
    "framework.config.spec",
    "framework.data",
    "framework.data.arrays",
    "framework.data.batches",
    "framework.data.dataset",
    "framework.data.drawn",
    "framework.data.order",
    "framework.data.servers",
    "framework.data.split",
    "framework.data.stratify",
    "framework.diagnose.core.architecture",
    "framework.diagnose.core.causes",
    "framework.diagnose.core.finding",
    "framework.diagnose.core.intervention",
    "framework.diagnose.core.program",
    "framework.diagnose.core.budget",
    "framework.diagnose.core.decision",
    "framework.diagnose.measure.samples",
    "framework.diagnose.programs.keras_epochs",
    "framework.diagnose.programs.trial_data",
    "framework.launch.invariance",
    "framework.losses",
    "framework.losses.per_example",
    "framework.loop.checkpoint_files",
    "framework.loop.evaluate",
    "framework.loop.plan",
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
    "framework.prove.metric",
    "framework.prove.plan",
    "framework.prove.statistics",
    "framework.report.console",
    "framework.report.static",
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
def test_examples_in_docstrings_show_their_results(name):
    module = importlib.import_module(name)
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0
