"""A sample of benchmarks/faults/statistics.py."""

import pytest

from benchmarks.faults import statistics


@pytest.mark.parametrize("kind", ["metrics", "intervals", "tests"])
def test_statistics_are_what_others_compute(kind):
    (tally,) = statistics.fuzz(seed=0, number=8, only=kind)
    assert tally.tried >= 40
    assert not tally.mishandled, tally.details()


@pytest.mark.extended
def test_a_run_reports_what_its_model_gives():
    (tally,) = statistics.fuzz(seed=0, number=None, only="a run")
    assert tally.tried >= 150
    assert not tally.mishandled, tally.details()


def test_a_wrong_number_is_found():
    tally = statistics.compared("made up", [{"recall/3": (0.5, 0.6), "ece": (1, 1)}])
    assert tally.tried == 2
    assert tally.mishandled == [
        ("case 0, recall/3: 0.5, not 0.6", "recall is not as computed anew")
    ]
