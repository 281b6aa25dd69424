"""Tests of framework/models/cnn.py."""

import keras
import numpy as np
import pytest

from framework.errors import UsageError
from framework.models.cnn import cnn


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        # Sides 64, 62, 31, 29, 14: 896 + 18,496 + (14 * 14 * 64 + 1) * 128 + 129 * 5.
        ({"filters": (32, 64), "dense": 128}, 1_625_797),
        # Also 12, 6: 896 + 18,496 + 73,856 + (6 * 6 * 128 + 1) * 256 + 257 * 5.
        ({"filters": (32, 64, 128), "dense": 256, "dropout": 0.5}, 1_274_437),
        # With zero padding the sides are 64, 32, 16: (16 * 16 * 64 + 1) * 128.
        ({"filters": (32, 64), "dense": 128, "padding": "same"}, 2_117_317),
        # No convolution.
        ({"filters": (), "dense": 8}, (64 * 64 * 3 + 1) * 8 + 9 * 5),
    ],
)
def test_parameters(options, expected):
    assert cnn((64, 64, 3), 5, **options).count_params() == expected


def test_matches_separate_keras_layers():
    model = cnn((12, 10, 3), 5, filters=(4, 6), dense=8)
    layers = [layer for layer in model.layers if layer.weights]
    expected = keras.Sequential(
        [
            keras.Input((12, 10, 3)),
            keras.layers.Conv2D(4, 3, activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Conv2D(6, 3, activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Flatten(),
            keras.layers.Dense(8, activation="relu"),
            keras.layers.Dense(5),
        ]
    )
    expected.set_weights([weight for layer in layers for weight in layer.get_weights()])
    images = np.random.default_rng(0).normal(size=(6, 12, 10, 3)).astype(np.float32)
    np.testing.assert_allclose(model(images), expected(images), rtol=1e-5, atol=1e-6)


def test_dropout_drops_units_of_the_dense_layer():
    model = cnn((8, 8, 1), 5, filters=(2,), dense=8, dropout=0.25)
    (dropout,) = [layer for layer in model.layers if type(layer).__name__ == "Dropout"]
    assert dropout.rate == 0.25
    assert dropout.output.shape == (None, 8)


@pytest.mark.parametrize(
    ("side", "filters", "padding", "fits"),
    [
        (4, (1,), "valid", True),
        (3, (1,), "valid", False),
        (10, (1, 1), "valid", True),
        (9, (1, 1), "valid", False),
        (4, (1, 1), "same", True),
        (3, (1, 1), "same", False),
    ],
)
def test_small_images(side, filters, padding, fits):
    for shape in ((side, 64, 3), (64, side, 3)):
        if fits:
            cnn(shape, 2, filters=filters, dense=2, padding=padding)
            continue
        with pytest.raises(
            UsageError, match=rf"images of {shape[0]}x{shape[1]} are too"
        ):
            cnn(shape, 2, filters=filters, dense=2, padding=padding)


def test_refuses_an_unknown_padding():
    with pytest.raises(UsageError, match="padding must be valid or same, not 'full'"):
        cnn((8, 8, 3), 2, padding="full")
