"""A sample of benchmarks/faults/devices.py."""

import numpy as np
import pytest

from benchmarks.faults import devices
from benchmarks.faults.devices import Part
from framework.loop.train_loop import TrainLoop

FIELDS = {
    "model": "mlp(units=(8,), dropout=.3)",
    "dataset": "noise(train=75, validation=21, size=8)",
    "batch_size": 16,
    "shards": 4,
}


@pytest.mark.slow
def test_runs_keep_their_bits_on_other_devices():
    (tally,) = devices.vary(seed=0, number=3)
    assert tally.tried == 3
    assert tally.mishandled == []


@pytest.mark.extended
def test_a_step_that_depends_on_the_devices_is_found(monkeypatch):
    parts = [Part(2, 4), Part(1)]
    assert devices.difference(FIELDS, parts) is None
    call = TrainLoop.__call__

    def shifted(loop, step, count):
        several = loop.feed.batches.strategy.num_replicas_in_sync > 1
        call(loop, max(step - several, 0), count)

    monkeypatch.setattr(TrainLoop, "__call__", shifted)
    assert "two devices: metrics.jsonl differs" in devices.difference(FIELDS, parts)


def test_draws_are_those_of_the_seed():
    drawn = [devices.draw(np.random.default_rng(seed)) for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_flags_that_do_not_exist_end():
    (tally,) = devices.vary(seed=0, number=1, only="no such flag")
    assert tally.tried == 0
