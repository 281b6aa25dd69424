"""A sample of benchmarks/faults/surroundings.py."""

import pytest

from benchmarks.faults import surroundings


@pytest.mark.extended
def test_commands_manage_in_bad_surroundings():
    (tally,) = surroundings.fuzz(seed=0, number=None, only="train --help, a")
    assert tally.tried >= 10
    assert not tally.mishandled, tally.details()
