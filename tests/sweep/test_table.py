"""Tests of framework/sweep/table.py."""

import csv
import io

import pytest

from framework.sweep import table
from framework.sweep.table import Row


def row(number, *metrics, state=table.COMPLETE, **changes):
    values = {"learning_rate": 10.0**-number, "augment": ""}
    fields = {"seconds": 2.0, "folder": f"s/trial-{number}", "problem": ""} | changes
    return Row(number, state, values, metrics, **fields)


ROWS = [
    row(0, 0.5, 0.6),
    row(1, 0.9, state=table.PRUNED),
    row(2, 0.8, 0.9),
    row(3, state=table.FAILED, problem="batch_size is too large"),
]


def test_the_best_is_first_and_what_was_not_completed_is_last():
    order = [each.number for each in table.ranked(ROWS, "validation/accuracy")]
    assert order == [2, 0, 1, 3]
    assert table.ranked(ROWS, "validation/loss")[0].number == 0


def test_the_interval_is_that_of_the_seeds():
    # 12.706 is the 97.5 % point of Student's t with one degree of freedom.
    line = table.page(ROWS, "validation/accuracy").splitlines()[1]
    assert line.split()[:4] == ["2", "0.8500", "+-", f"{12.7062 * 0.05:.4f}"]


def test_one_seed_has_no_interval_and_none_has_no_number():
    lines = table.page(ROWS, "validation/accuracy").splitlines()
    assert lines[3].split()[:2] == ["1", "0.9000"]
    assert lines[3].endswith("pruned, 1 of 2 seeds")
    assert lines[4].split()[:2] == ["3", "-"]
    assert lines[4].endswith("failed: batch_size is too large")


def test_csv_has_a_line_for_each_trial_by_number():
    rows = list(csv.DictReader(io.StringIO(table.as_csv(ROWS[::-1], "accuracy"))))
    assert [each["trial"] for each in rows] == ["0", "1", "2", "3"]
    assert rows[0]["accuracy"] == "0.55"
    assert float(rows[0]["high"]) == pytest.approx(0.55 + 12.7062 * 0.05, abs=1e-4)
    assert (rows[1]["accuracy[0]"], rows[1]["accuracy[1]"]) == ("0.9", "")
    assert (rows[1]["low"], rows[3]["accuracy"]) == ("", "")
    assert rows[3]["problem"] == "batch_size is too large"


def test_no_trial_is_no_error():
    assert table.page([], "accuracy").startswith("trial")
    assert table.as_csv([], "accuracy").startswith("trial,state,accuracy,low,high")
