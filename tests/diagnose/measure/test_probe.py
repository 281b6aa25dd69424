"""Tests of framework/diagnose/probe.py, ridge.py and look.py."""

import numpy as np
from framework.diagnose.look import chosen, look
from framework.diagnose.probe import Probe
from framework.diagnose.ridge import Ridge, one_hot, smoother


def test_each_example_is_predicted_from_others():
    generator = np.random.default_rng(0)
    features = generator.normal(size=(60, 200)).astype(np.float32)
    labels = generator.integers(0, 3, 60)
    right = Ridge(features)(one_hot(labels, 3)).argmax(axis=1) == labels
    assert right.mean() < 0.6


def test_few_and_many_features_give_the_same():
    generator = np.random.default_rng(0)
    known, unknown = generator.normal(size=(2, 30, 30))
    wide = smoother(np.pad(known, ((0, 0), (0, 1))), np.pad(unknown, ((0, 0), (0, 1))))
    # The penalty is a part of the mean variance, which one empty feature makes less.
    assert np.abs(wide - smoother(known, unknown)).max() < 0.05


def test_a_signal_is_far_from_that_of_permuted_labels(subject, scans):
    sample = look(subject(scans.train, scans.validation))["train"]
    probe = Probe(sample.features)
    assert probe.signal(sample.labels).z > 30
    permuted = np.random.default_rng(0).permutation(sample.labels)
    assert abs(probe.signal(permuted).z) < 3


def test_neighbours_see_what_lines_cannot():
    generator = np.random.default_rng(0)
    features = generator.uniform(-1, 1, (400, 2)).astype(np.float32)
    labels = (features[:, 0] * features[:, 1] > 0).astype(int)
    found = Probe(features).signal(labels)
    assert found.probe == "10 nearest neighbours"
    assert found.accuracy.value > 0.9


def test_few_examples_are_no_error():
    signal = Probe(np.eye(3, dtype=np.float32)).signal(np.array([0, 1, 2]))
    assert signal.accuracy.value == 0


def test_a_look_is_taken_once(subject, scans):
    made = subject(scans.train, scans.validation)
    assert look(made) is look(made)
    assert np.array_equal(look(made)["validation"].labels, scans.validation.labels)


def test_chosen_rows_rise():
    assert chosen(5, 9).tolist() == [0, 1, 2, 3, 4]
    rows = chosen(100, 10)
    assert len(rows) == 10
    assert (np.diff(rows) > 0).all()
