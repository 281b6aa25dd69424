"""Tests of framework/diagnose/measure/samples.py."""

import numpy as np

from framework.diagnose.measure.samples import Samples, chosen


def test_samples_are_taken_once(context, scans):
    case = context(scans.train, scans.validation)
    samples = case.get(Samples)
    assert case.get(Samples) is samples
    assert np.array_equal(samples.validation.labels, scans.validation.labels)
    assert samples.of("train") is samples.train
    assert samples.of("validation") is samples.validation


def test_chosen_positions_rise():
    assert chosen(5, 9).tolist() == [0, 1, 2, 3, 4]
    positions = chosen(100, 10)
    assert len(positions) == 10
    assert (np.diff(positions) > 0).all()
