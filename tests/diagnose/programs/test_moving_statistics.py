"""Tests of framework/diagnose/programs/moving_statistics.py."""

import keras
import numpy as np
import pytest

from framework.diagnose.core.measurement import NotApplicableError
from framework.diagnose.programs.moving_statistics import reestimate


def test_statistics_taken_anew_are_those_of_the_images():
    norm = keras.layers.BatchNormalization(momentum=0.999)
    model = keras.Sequential([keras.Input((3,)), norm])
    images = np.random.default_rng(0).normal(5, 2, (2000, 3)).astype(np.float32)
    reestimate(model, images, lambda batch: model(batch, training=True))
    assert norm.momentum == 0.999
    np.testing.assert_allclose(norm.moving_mean, images.mean(axis=0), atol=0.2)
    np.testing.assert_allclose(norm.moving_variance, images.var(axis=0), rtol=0.2)


@pytest.mark.parametrize(
    ("count", "batches", "size"),
    [(10_000, 20, 128), (1000, 20, 50), (45, 20, 2), (7, 3, 2), (1, 0, 0)],
)
def test_batches_for_statistics(count, batches, size):
    model = keras.Sequential([keras.Input((1,)), keras.layers.BatchNormalization()])
    calls = []
    reestimate(model, np.zeros((count, 1)), lambda batch: calls.append(len(batch)))
    assert calls == [size] * batches


def test_without_batch_norm_there_is_nothing_to_estimate():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    with pytest.raises(NotApplicableError, match="there is no batch norm"):
        reestimate(model, np.zeros((9, 3)), lambda batch: None)
