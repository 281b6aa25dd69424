"""Tests of benchmarks/planted_labels.py."""

import numpy as np

from benchmarks.planted_labels import plant, recovery


def test_planted_labels_are_all_wrong_and_no_others():
    labels = np.arange(500) % 5
    planted, is_wrong = plant(labels, 0.2, seed=1)
    assert is_wrong.sum() == 100
    assert np.array_equal(planted != labels, is_wrong)
    assert set(np.unique(planted)) == set(range(5))


def test_features_that_tell_classes_apart_find_them_and_others_do_not():
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 5, 600)
    planted, is_wrong = plant(labels, 0.2, seed=0)
    noise = generator.normal(size=(600, 20)).astype(np.float32)
    told = noise + np.float32(3) * np.eye(20, dtype=np.float32)[labels]
    good, bad = (recovery(each, planted, is_wrong, 0.1) for each in (told, noise))
    assert good.auc > 0.9
    assert 0.4 < bad.auc < 0.6
    assert good.planted > 0.9
    assert good.found > bad.found
