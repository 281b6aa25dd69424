"""Tests of framework/diagnose/data/validation_size.py."""

import pytest
from framework.diagnose.data.validation_size import rule
from framework.diagnose.detector import Measures

from framework.numerics.intervals import proportion


def measured(count, total):
    return Measures(
        {"validation/images": total, "validation/accuracy": proportion(count, total)}
    )


@pytest.mark.parametrize(("count", "total"), [(7, 19), (32, 63), (86, 171), (38, 39)])
def test_fires_where_fifteen_points_stay_unseen(count, total):
    found = rule(measured(count, total))
    assert (found.cause, found.status) == ("validation_too_small", "confirmed")


@pytest.mark.parametrize(
    ("count", "total"),
    # The last two are near misses; of a good model fewer images are enough.
    [(5000, 10_000), (225, 500), (355, 360), (100, 200), (62, 63)],
)
def test_silent_where_they_are_seen(count, total):
    assert rule(measured(count, total)) is None


def test_the_evidence():
    found = rule(measured(32, 63))
    assert found.message == (
        "63 validation images resolve accuracy to +-12.0%: one image is 1.6%, and of "
        "two models one must be 25.0% better for it to be seen"
    )
    accuracy, least = found.evidence
    assert str(accuracy.value) == "0.508 (0.388 to 0.627)"
    assert least.value == pytest.approx(0.2495, abs=1e-4)
