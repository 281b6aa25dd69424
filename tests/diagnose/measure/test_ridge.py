"""Tests of framework/diagnose/measure/ridge.py."""

import numpy as np
import pytest

from framework.diagnose.measure.ridge import Ridge, one_hot, out_of_fold, smoother


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


@pytest.mark.parametrize("count", [4, 60])
def test_few_and_many_unknown_give_the_same(count):
    """By another order of products, whichever takes less."""
    generator = np.random.default_rng(0)
    known = generator.normal(size=(30, 8))
    unknown = generator.normal(size=(count, 8))
    weights = smoother(known, unknown)
    single = [smoother(known, each[None])[0] for each in unknown]
    np.testing.assert_allclose(weights, single, atol=1e-12)


def test_out_of_fold_is_the_same_for_many_examples():
    generator = np.random.default_rng(0)
    features = generator.normal(2, 1, size=(200, 12)).astype(np.float32)
    targets = one_hot(generator.integers(0, 3, 200), 3)
    assert (
        np.abs(out_of_fold(features, targets) - Ridge(features)(targets)).max() < 1e-3
    )


def test_out_of_fold_of_a_single_example_is_nothing():
    assert out_of_fold(np.ones((1, 2)), np.ones((1, 1))).tolist() == [[0.0]]
