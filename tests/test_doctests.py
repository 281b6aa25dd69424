"""Runs the examples in the docstrings of the public families and functions."""

import doctest
import importlib

import pytest

MODULES = (
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
    "framework.launch.invariance",
    "framework.loop.checkpoint_files",
    "framework.loop.evaluate",
    "framework.loop.plan",
    "framework.report.console",
    "framework.report.static",
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_show_their_results(name):
    module = importlib.import_module(name)
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0
