"""Tests of framework/models/mlp.py."""

import numpy as np
import pytest

from framework.models.mlp import mlp


@pytest.mark.parametrize(
    ("units", "expected"),
    [
        ((), 48 * 5 + 5),
        ((7,), 48 * 7 + 7 + 7 * 5 + 5),
        ((7, 6), 48 * 7 + 7 + 7 * 6 + 6 + 6 * 5 + 5),
    ],
)
def test_parameters(units, expected):
    assert mlp((4, 4, 3), 5, units).count_params() == expected


def test_computes_dense_layers_with_relu():
    model = mlp((2, 3, 1), 4, (5,), dropout=0.5)
    first, bias, second, last = (weight.numpy() for weight in model.weights)
    images = np.random.default_rng(0).normal(size=(3, 2, 3, 1)).astype(np.float32)
    hidden = np.maximum(images.reshape(3, 6) @ first + bias, 0)
    np.testing.assert_allclose(model(images), hidden @ second + last, rtol=1e-5)


def test_dropout_follows_each_hidden_layer():
    model = mlp((2, 2, 1), 3, (5, 4), dropout=0.5)
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds[2:] == ["Dense", "Dropout", "Dense", "Dropout", "Dense"]
