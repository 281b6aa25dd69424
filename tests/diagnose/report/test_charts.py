"""Tests of framework/diagnose/report/charts.py."""

import math
import re

import pytest

from framework.diagnose.report.charts import bars, curve, static_since
from framework.numerics.intervals import Estimate


def rows_of(values, name="validation"):
    return [
        {"step": epoch, "epoch": float(epoch), f"{name}/accuracy": value}
        for epoch, value in enumerate(values, 1)
    ]


def drawn(rows, since=None):
    return curve(rows, since, (800, 300), "wide")


@pytest.mark.parametrize(
    ("values", "since"),
    [
        # Fewer than the notice needs: the window of the diagnosis.
        ([0.1, 0.5, 0.5, 0.5, 0.5, 0.5], 2.0),
        ([0.5], None),
        ([], None),
        ([math.nan, 0.5, 0.5], 2.0),
        # It rises twice; only the last plateau counts.
        ([0.1] * 12 + [0.1 + 0.05 * n for n in range(1, 9)] + [0.5] * 20, 21.0),
    ],
)
def test_static_since(values, since):
    assert static_since(rows_of(values), 1_000, 5) == since


def test_lines_are_told_apart_by_dashes_and_markers():
    row = {
        "epoch": 1.0,
        "validation/accuracy": 0.5,
        "train/accuracy": 0.6,
        "train_clean/accuracy": 0.7,
        "train_dev/accuracy": 0.4,
        "test/accuracy": 0.3,
    }
    lines = drawn([row, {**row, "epoch": 2.0}]).lines
    assert lines[0].key == "validation"
    assert len({each.dashes for each in lines}) == len(lines) == 5
    assert len({each.sample for each in lines}) == 5


def test_higher_accuracy_is_higher_up_and_all_is_inside():
    chart = drawn(rows_of([0.42, 0.5, 0.583]), since=2.0)
    (line,) = chart.lines
    points = re.findall(r"(?:M|L)([\d.]+) ([\d.]+)", line.path)
    x, y = ([float(each[axis]) for each in points] for axis in (0, 1))
    assert x == sorted(x)
    assert y == sorted(y, reverse=True)
    assert chart.left <= min(x)
    assert max(x) <= chart.right
    assert chart.top <= min(y)
    assert max(y) <= chart.bottom
    assert chart.static_at == x[1]
    assert (line.first, line.last) == (0.42, 0.583)
    assert (line.best, line.best_epoch) == (0.583, 3.0)


def test_missing_and_infinite_values_are_left_out():
    rows = [*rows_of([0.1, math.nan, 0.3]), {"step": 4, "epoch": 4.0}]
    assert len(drawn(rows).lines[0].markers) == 2
    assert drawn(rows_of([math.nan])) is None
    assert drawn([]) is None


def test_a_single_evaluation_is_a_marker():
    (line,) = drawn(rows_of([0.5])).lines
    assert line.path == ""
    assert len(line.markers) == 1


def test_long_curves_have_few_markers_and_the_last_one():
    chart = drawn(rows_of([0.5] * 1_000))
    markers = chart.lines[0].markers
    assert len(markers) <= 24
    assert markers[0].startswith(f"M{chart.right:g} ")


def test_bars_have_one_scale_that_holds_zero():
    first, none, second = bars(
        [Estimate(0.1, 0.05, 0.2), None, Estimate(-0.1, -0.2, 0.0)]
    )
    assert none is None
    assert first.zero == second.zero == second.high
    assert second.low < second.value < second.high < first.low < first.value
    assert first.high <= first.width
    assert bars([Estimate(math.nan, 0.0, 1.0)]) == [None]
    assert bars([]) == []
