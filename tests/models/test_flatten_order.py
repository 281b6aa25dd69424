"""Tests of framework/models/flatten_order.py: dense layers after a Flatten."""

import keras
import numpy as np
import pytest

from framework.errors import UsageError
from framework.models import by_name
from framework.models.layers import BatchNorm, Dropout

L = keras.layers
HEIGHT, WIDTH, CHANNELS, UNITS = 2, 3, 4, 2
# Units of the dense layer in PyTorch: the sums of 100 c + 10 h + w, and of c alone,
# times each input.
H, W, C = np.meshgrid(range(HEIGHT), range(WIDTH), range(CHANNELS), indexing="ij")
WEIGHTS = np.stack([100 * C + 10 * H + W, C], axis=-1).astype(np.float32)
# Rows of a .pth file after transposing: channels, height, width.
KERNEL = WEIGHTS.transpose(2, 0, 1, 3).reshape(-1, UNITS)
IMAGES = np.random.default_rng(0).normal(size=(3, HEIGHT, WIDTH, CHANNELS))


def expected(images=IMAGES):
    return np.einsum("bhwc,hwcu->bu", images, WEIGHTS)


def sequential(inputs):
    return L.Flatten()(inputs)


def reshaped(inputs):
    return L.Reshape((HEIGHT * WIDTH * CHANNELS,))(inputs)


def reshaped_by_an_operation(inputs):
    return keras.ops.reshape(inputs, (-1, HEIGHT * WIDTH * CHANNELS))


def dropped(inputs):
    features = L.Activation("linear")(L.Flatten()(inputs))
    return L.Identity()(Dropout(0.5)(L.Dropout(0.5)(features)))


def in_a_network(inputs):
    inner = keras.Input(inputs.shape[1:])
    return keras.Model(inner, L.Flatten()(inner))(inputs)


def channels_first(inputs):
    return L.Flatten()(L.Permute((3, 1, 2))(inputs))


def network(flatten):
    inputs = keras.Input((HEIGHT, WIDTH, CHANNELS))
    dense = L.Dense(UNITS, name="fc")
    return keras.Model(inputs, dense(flatten(inputs)))


def assign(model, kernel=KERNEL, is_channels_first=True):
    values = {"fc/kernel": kernel, "fc/bias": np.zeros(UNITS)}
    return by_name.assign(model, values, is_channels_first)


@pytest.mark.parametrize(
    "flatten",
    [
        sequential,
        reshaped,
        reshaped_by_an_operation,
        dropped,
        in_a_network,
        channels_first,
    ],
)
def test_weights_of_pytorch_give_its_outputs(flatten):
    model = network(flatten)
    match = assign(model)
    assert match.matched == ("fc/kernel", "fc/bias")
    np.testing.assert_allclose(model(IMAGES), expected(), rtol=1e-5)


def test_weights_of_keras_are_set_as_they_are():
    model = network(sequential)
    assign(model, WEIGHTS.reshape(-1, UNITS), is_channels_first=False)
    np.testing.assert_allclose(model(IMAGES), expected(), rtol=1e-5)


def test_dense_layers_without_maps_are_set_as_they_are():
    inputs = keras.Input((HEIGHT, WIDTH, CHANNELS))
    pooled = L.GlobalAveragePooling2D()(inputs)
    sums = L.Add()([L.Dense(CHANNELS)(pooled), pooled])
    model = keras.Model(inputs, L.Dense(UNITS, name="fc")(sums))
    kernel = np.arange(CHANNELS * UNITS).reshape(CHANNELS, UNITS)
    assign(model, kernel)
    np.testing.assert_array_equal(model.get_layer("fc").kernel, kernel)


def test_a_normalization_of_flattened_maps_is_reordered():
    inputs = keras.Input((HEIGHT, WIDTH, CHANNELS))
    norm = BatchNorm(name="norm")
    outputs = L.Dense(UNITS)(norm(L.Flatten()(inputs)))
    model = keras.Model(inputs, outputs)
    values = {f"norm/{each}": KERNEL[:, 0] for each in ("gamma", "moving_mean")}
    by_name.assign(model, values, is_channels_first=True)
    for weight in (norm.gamma, norm.moving_mean):
        np.testing.assert_array_equal(weight, WEIGHTS[..., 0].ravel())


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.flatten, self.fc = L.Flatten(), L.Dense(UNITS, name="fc")

    def call(self, images):
        return self.fc(self.flatten(images))


def subclassed():
    model = Subclassed()
    model(IMAGES)
    return model


def joined(inputs):
    return L.Concatenate()([L.Flatten()(inputs[:, :1]), L.Flatten()(inputs[:, 1:])])


def flattened_tokens(inputs):
    return L.Flatten()(L.Reshape((HEIGHT * WIDTH, CHANNELS))(inputs))


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (subclassed, "no graph of layers"),
        (lambda: network(joined), "an output of concatenate.*, a Concatenate"),
        (lambda: network(flattened_tokens), r"flatten.* flattens \(6, 4\)"),
    ],
)
def test_an_unknown_order_is_refused(model, reason):
    model = model()
    before = model.get_layer("fc").kernel.numpy()
    with pytest.raises(UsageError, match=rf"fc/kernel of PyTorch .* 24 .*{reason}"):
        assign(model)
    np.testing.assert_array_equal(model.get_layer("fc").kernel, before)
    assign(model, is_channels_first=False)
