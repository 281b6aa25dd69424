"""Tests of framework/models/efficientnet_lite.py."""

import numpy as np
import pytest

from framework import models
from framework.errors import UsageError
from framework.models import by_name
from framework.models.efficientnet_lite import efficientnet_lite
from framework.models.layers import BatchNorm


def trainable(model):
    return sum(np.prod(variable.shape) for variable in model.trainable_variables)


def test_lite0_has_the_published_size_and_scales_pixels_itself():
    model = efficientnet_lite((32, 32, 3), 1000)
    assert trainable(model) == 4_652_008
    assert models.normalization("efficientnet_lite()", {}) == "raw"
    # The mean pixel of the weights becomes 0; half of the range, 1.
    scaling = model.layers[1]
    np.testing.assert_allclose(scaling(np.array([127.0, 255.0])), [0, 1], atol=1e-6)
    assert model.get_layer("blocks_15_bn2").output.shape == (None, 1, 1, 320)
    assert model.get_layer("fc").kernel.shape == (1280, 1000)


@pytest.mark.extended
@pytest.mark.parametrize(
    ("size", "millions"), [(1, 5.4), (2, 6.1), (3, 8.2), (4, 13.0)]
)
def test_larger_ones_have_the_published_sizes(size, millions):
    # https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite
    model = efficientnet_lite((32, 32, 3), 1000, size)
    assert trainable(model) / 1e6 == pytest.approx(millions, abs=0.06)


def test_its_batch_norm_is_debiased_and_has_the_momentum():
    for text, momentum in (("", 0.99), ("momentum=.9", 0.9)):
        model = models.build(f"efficientnet_lite({text})")((32, 32, 3), 5)
        norms = [each for each in model.layers if "bn" in each.name]
        assert len(norms) == 49
        for norm in norms:
            assert isinstance(norm, BatchNorm)
            assert norm.debias
            assert norm.momentum == momentum
    # Right from the first step on.
    stem = model.get_layer("bn0")
    batch = np.random.default_rng(0).normal(3, 2, (2, 8, 8, 32)).astype(np.float32)
    stem(batch, training=True)
    np.testing.assert_allclose(stem.moving_mean, batch.mean((0, 1, 2)), rtol=1e-4)
    with pytest.raises(UsageError, match="momentum must be between 0 and 1, not 1"):
        efficientnet_lite((32, 32, 3), 10, momentum=1)


def test_weights_from_elsewhere_start_from_their_moments():
    model = efficientnet_lite((32, 32, 3), 5)
    mean, variance = np.full(32, 0.25), np.full(32, 4.0)
    values = {"bn0/moving_mean": mean, "bn0/moving_variance": variance}
    by_name.assign(model, values)
    stem = model.get_layer("bn0")
    stem(np.ones((2, 8, 8, 32), np.float32), training=True)
    # A step of Keras's average, not a first update, which would forget them.
    np.testing.assert_allclose(stem.moving_mean, 0.99 * mean + 0.01, rtol=1e-5)
    np.testing.assert_allclose(stem.moving_variance, 0.99 * variance, rtol=1e-5)


@pytest.mark.parametrize("size", [-1, 5])
def test_refuses_other_sizes(size):
    with pytest.raises(UsageError, match=f"size must be from 0 to 4, not {size}"):
        efficientnet_lite((32, 32, 3), 10, size)
