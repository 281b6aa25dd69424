"""Tests of framework/launch/settled.py."""

import dataclasses

import pytest

from framework.config import Config
from framework.launch import settled

MAP = "validation/mAP"
LITE = "efficientnet_lite(0)"


@pytest.mark.parametrize(
    ("given", "several", "monitor"),
    [
        (Config.monitor, False, Config.monitor),
        (Config.monitor, True, MAP),
        ("validation/loss", True, "validation/loss"),
    ],
)
def test_several_labels_are_monitored_by_map(given, several, monitor):
    assert settled.monitor(Config(monitor=given), several) == monitor


@pytest.mark.parametrize(
    ("before", "now", "names"),
    [
        ({}, {}, set()),
        ({"seed": 1}, {}, {"seed"}),
        # Not of the run's numbers.
        ({"keep_best": 2, "workdir": "a"}, {"workdir": "b"}, set()),
        ({"monitor": MAP}, {}, set()),
        ({"monitor": MAP}, {"monitor": "validation/loss"}, {"monitor"}),
        ({"monitor": "validation/loss"}, {}, {"monitor"}),
        # The network has a scaling of its own.
        ({"model": LITE, "normalize": "raw"}, {"model": LITE}, set()),
        ({"model": LITE, "normalize": "unit"}, {"model": LITE}, {"normalize"}),
        ({"normalize": "raw"}, {}, {"normalize"}),
        ({"normalize": "unit"}, {"normalize": "raw"}, {"normalize"}),
        # The file is gone; the run's copy tells.
        (
            {"model": "keras_file('gone.keras')", "normalize": "raw"},
            {"model": "keras_file('gone.keras')"},
            set(),
        ),
    ],
)
def test_what_is_certain_to_differ(before, now, names):
    config = Config(**now)
    assert settled.certain_difference(Config(**before), config).keys() == names


def test_what_is_given_in_python_is_not_compared():
    before = Config(model="given(parameters=650)", seed=1)
    difference = settled.certain_difference(before, Config(), ["model"])
    assert difference == {"seed": (1, 0)}
    flags = settled.certain_difference(Config(), Config(), ["model"])
    assert flags == {"model": (Config.model, "given in Python")}
    alike = dataclasses.replace(before, seed=0)
    assert settled.certain_difference(alike, Config()).keys() == {"model"}
