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
    steps, values = zip(*replay.read(str(path), "validation/loss", 100), strict=True)
    assert steps == (100, 200, 300, 400)
    np.testing.assert_array_equal(values, [1.0, np.nan, -np.inf, 0.5])


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("1.0\nhello\n", RunError, "line 2: expected a number"),
        ("[1]\n", RunError, "line 1: expected a number"),
        ("", RunError, "holds no values"),
        ('{"step": 1, "train/loss": 2}\n', UsageError, "it has train/loss"),
    ],
)
def test_refuses_what_it_cannot_read(tmp_path, text, error, message):
    path = tmp_path / "values"
    path.write_text(text)
    with pytest.raises(error, match=message):
        replay.read(str(path), "validation/loss", 100)


def test_shows_each_cut():
    schedule = schedules.build("plateau(factor=.5, patience=2)")
    values = [(100 * n, value) for n, value in enumerate([1.0, 1, 1, 0.5, 0.5, 0.5])]
    found = replay.replay(schedule, 0.1, CLOCK, values)
    assert [each.scale for each in found] == [1, 1, 0.5, 0.5, 0.5, 0.25]
    np.testing.assert_allclose(
        [each.learning_rate for each in found], [0.1, 0.1, 0.05, 0.05, 0.05, 0.025]
    )


def test_evaluations_in_the_warmup_do_not_count():
    schedule = schedules.build(
        "(warmup(300) + constant) * plateau(factor=.5, patience=1)"
    )
    values = [(100 * n, 1.0) for n in range(1, 6)]
    found = replay.replay(schedule, 1.0, CLOCK, values)
    assert [each.scale for each in found] == [1, 1, 1, 0.5, 0.25]
