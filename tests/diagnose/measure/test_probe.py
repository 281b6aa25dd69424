"""Tests of framework/diagnose/measure/probe.py."""

import numpy as np

from framework.diagnose.measure.probe import Probe
from framework.diagnose.measure.samples import Samples


def test_a_signal_is_far_from_that_of_permuted_labels(context, scans):
    sample = context(scans.train, scans.validation).get(Samples).train
    probe = Probe(sample.features)
    assert probe.signal(sample.labels).z > 30
    permuted = np.random.default_rng(0).permutation(sample.labels)
    assert abs(probe.signal(permuted).z) < 3


def test_neighbours_see_what_lines_cannot():
    generator = np.random.default_rng(0)
    features = generator.uniform(-1, 1, (400, 2)).astype(np.float32)
    labels = (features[:, 0] * features[:, 1] > 0).astype(int)
    signal = Probe(features).signal(labels)
    assert signal.probe == "10 nearest neighbours"
    assert signal.accuracy.value > 0.9


def test_few_examples_are_no_error():
    signal = Probe(np.eye(3, dtype=np.float32)).signal(np.array([0, 1, 2]))
    assert signal.accuracy.value == 0
