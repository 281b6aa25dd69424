"""Tests of benchmarks/faults/workers.py; of whole runs in tests/test_several.py."""

import signal

import numpy as np
import pytest

from benchmarks.faults import workers


def test_what_is_drawn_depends_on_the_seed_only():
    drawn = [
        str(workers.drawn(np.random.default_rng(seed), 30.0)) for seed in (1, 1, 2)
    ]
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_kill_is_told_in_words():
    kill = workers.Kill(0, signal.SIGTERM, 2.0, None)
    assert str(kill) == "SIGTERM to the chief at 2.0 s, again with the other"


@pytest.mark.slow
def test_both_survive_kills():
    (tally,) = workers.fuzz(seed=0, number=6)
    assert not tally.mishandled, tally.details()
