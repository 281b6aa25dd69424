"""Tests of framework/diagnose/measure/ridge.py."""

import numpy as np

from framework.diagnose.measure.ridge import Ridge, one_hot, smoother


def test_each_example_is_predicted_from_others():
    generator = np.random.default_rng(0)
    features = generator.normal(size=(60, 200)).astype(np.float32)
    labels = generator.integers(0, 3, 60)
    correct = Ridge(features)(one_hot(labels, 3)).argmax(axis=1) == labels
    assert correct.mean() < 0.6


def test_few_and_many_features_give_the_same():
    generator = np.random.default_rng(0)
    known, unknown = generator.normal(size=(2, 30, 30))
    wide = smoother(np.pad(known, ((0, 0), (0, 1))), np.pad(unknown, ((0, 0), (0, 1))))
    # The penalty is a part of the mean variance, which one empty feature makes less.
    assert np.abs(wide - smoother(known, unknown)).max() < 0.05
