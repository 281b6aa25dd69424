"""Tests of framework/launch/input_scale.py."""

import keras
import numpy as np
import pytest

from framework.augment import normalize
from framework.launch import input_scale
from framework.models.layers import batch_norm

SCALES = ("raw", "unit", "symmetric")


def images(dtype=np.uint8):
    """Returns images with edges, which have the statistics of photographs roughly."""
    generator = np.random.default_rng(0)
    values = np.cumsum(generator.normal(0, 12, (64, 16, 16, 3)), axis=2) + 120
    values = np.clip(values, 0, 255)
    return (
        values.astype(np.uint8) if dtype == np.uint8 else (values / 255).astype(dtype)
    )


def scaling(spec, dtype=np.uint8):
    return normalize.restored(spec, np.dtype(dtype), {})


@pytest.fixture(scope="module", params=SCALES)
def trained(request):
    """Returns a network that has seen images in one scale, and that scale."""
    inputs = keras.Input((16, 16, 3))
    features = batch_norm()(keras.layers.Conv2D(8, 3)(inputs))
    model = keras.Model(inputs, keras.layers.Flatten()(features))
    model(scaling(request.param)(images()), training=True)
    return model, request.param


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("actual", SCALES)
def test_the_scale_that_it_was_trained_with_is_named(trained, actual, dtype):
    model, own = trained
    text = input_scale.notice(model, scaling(actual, dtype), images(dtype))
    # 0 to 1 and -1 to 1 differ by a factor of 2, less than photographs among another.
    if "raw" in (own, actual) and own != actual:
        assert text.endswith(f"--normalize={own}")
    else:
        assert text == ""


def test_a_new_network_and_one_without_batch_norm_have_no_scale():
    inputs = keras.Input((16, 16, 3))
    outputs = keras.layers.Flatten()(inputs)
    assert not input_scale.notice(
        keras.Model(inputs, outputs), scaling("raw"), images()
    )
    outputs = keras.layers.Flatten()(batch_norm()(inputs))
    assert not input_scale.notice(
        keras.Model(inputs, outputs), scaling("raw"), images()
    )
