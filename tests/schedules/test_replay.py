"""Tests of framework/schedules/replay.py."""

import json

import numpy as np
import pytest

from framework import schedules
from framework.errors import RunError, UsageError
from framework.schedules import Clock, replay

CLOCK = Clock(1000, 100)


@pytest.mark.parametrize(
    "text",
    [
        "1.0\nNaN\n-Infinity\n0.5\n",
        "1,\nnan,\n-inf,\n.5,\n\n",
        "".join(
            json.dumps({"step": 100 * (index + 1), "validation/loss": value}) + "\n"
            for index, value in enumerate([1.0, float("nan"), float("-inf"), 0.5])
        ),
    ],
    ids=["values", "csv", "metrics.jsonl"],
)
def test_reads_numbers_of_every_kind(tmp_path, text):
    path = tmp_path / "values"
    path.write_text(text)
    evaluations = replay.read_metrics(str(path), ["validation/loss"], 100)
    assert [step for step, _ in evaluations] == [100, 200, 300, 400]
    values = [metrics["validation/loss"] for _, metrics in evaluations]
    np.testing.assert_array_equal(values, [1.0, np.nan, -np.inf, 0.5])


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("1.0\nhello\n", RunError, "line 2: expected a number"),
        ("[1]\n", RunError, "line 1: expected a number"),
        ("", RunError, "holds no values"),
        ('{"step": 1, "train/loss": 2}\n', UsageError, "it has train/loss"),
        ('{"step": 1, "validation/loss": "a"}\n', RunError, "a row cannot be read"),
    ],
)
def test_refuses_files_it_cannot_parse(tmp_path, text, error, message):
    path = tmp_path / "values"
    path.write_text(text)
    with pytest.raises(error, match=message):
        replay.read_metrics(str(path), ["validation/loss"], 100)


def losses(*values):
    """Returns an evaluation with each of these losses, a hundred steps apart."""
    return [
        (100 * number, {"validation/loss": value})
        for number, value in enumerate(values, start=1)
    ]


def test_each_controller_observes_its_own_metric(tmp_path):
    row = {"step": 100, "validation/loss": 1.0, "validation/accuracy": 0.5}
    path = tmp_path / "metrics.jsonl"
    path.write_text(
        "".join(
            json.dumps(row | {"validation/accuracy": value}) + "\n"
            for value in (0.5, 0.6, 0.7)
        )
    )
    schedule = schedules.build(
        "plateau(patience=1, factor=.5)"
        " * plateau('validation/accuracy', patience=1, factor=.1)"
    )
    monitors = [controller.monitor for controller in schedule.controllers()]
    values = replay.read_metrics(str(path), monitors, 100)
    assert replay.replay(schedule, 1.0, CLOCK, values)[-1].scale == 0.25


def test_returns_each_reduction():
    schedule = schedules.build("plateau(factor=.5, patience=2)")
    values = losses(1.0, 1.0, 1.0, 0.5, 0.5, 0.5)
    observations = replay.replay(schedule, 0.1, CLOCK, values)
    assert [observation.scale for observation in observations] == [
        1,
        1,
        0.5,
        0.5,
        0.5,
        0.25,
    ]
    np.testing.assert_allclose(
        [observation.learning_rate for observation in observations],
        [0.1, 0.1, 0.05, 0.05, 0.05, 0.025],
    )


def test_evaluations_in_the_warmup_do_not_count():
    schedule = schedules.build(
        "(warmup(300) + constant) * plateau(factor=.5, patience=1)"
    )
    observations = replay.replay(schedule, 1.0, CLOCK, losses(1.0, 1.0, 1.0, 1.0, 1.0))
    assert [observation.scale for observation in observations] == [1, 1, 1, 0.5, 0.25]
