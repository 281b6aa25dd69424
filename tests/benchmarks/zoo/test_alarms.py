"""Tests of the count of false alarms."""

import pytest

from benchmarks.zoo import alarms

FLOORS = {"a": 0.9, "b": 0.9, "c": 0.9}


def trained(name, accuracy, seed=0):
    return {"kind": "broken", "case": name, "seed": seed, "accuracy": accuracy}


def diagnosed(name, *causes, seed=0):
    findings = [{"cause": cause, "status": "confirmed"} for cause in causes]
    findings.append({"cause": "overfitting", "status": "suspected"})
    return {"kind": "diagnosed", "case": name, "seed": seed, "findings": findings}


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (
            [trained("a", 0.95), diagnosed("a")],
            ["confirmed: 0 of 1 trainings", "0 of 1 programs"],
        ),
        # Several seeds of one program are several trainings.
        (
            [diagnosed("a", "label_noise"), diagnosed("a", seed=1), diagnosed("b")],
            ["confirmed: 1 of 3 trainings", "1 of 2 programs", "label_noise: 1"],
        ),
        (
            [trained("c", 0.5)],
            ["0 of 0 trainings", "not sound, left out: c, seed 0: 0.500"],
        ),
        (
            [{"kind": "diagnosed", "case": "a", "seed": 0, "error": "OSError"}],
            ["0 of 0 trainings", "could not be done: a, seed 0: OSError"],
        ),
        # Of an earlier run of the command, with other programs.
        ([diagnosed("other", "label_noise")], ["0 of 0 trainings"]),
    ],
)
def test_the_page(lines, expected):
    text = alarms.page(lines, FLOORS)
    for part in expected:
        assert part in text


def test_the_interval_is_that_of_wilson():
    lines = [diagnosed("a", seed=seed) for seed in range(300)]
    assert "0 of 300 trainings, 0 (0 to 0.0126)" in alarms.page(lines, FLOORS)
