"""Tests of framework/models/efficientnet_lite.py."""

import numpy as np
import pytest

from framework import models
from framework.errors import UsageError
from framework.models.efficientnet_lite import efficientnet_lite


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


@pytest.mark.parametrize("size", [-1, 5])
def test_refuses_other_sizes(size):
    with pytest.raises(UsageError, match=f"size must be from 0 to 4, not {size}"):
        efficientnet_lite((32, 32, 3), 10, size)
