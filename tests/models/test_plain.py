"""Tests of framework/models/plain.py."""

import importlib
import pkgutil

import keras
import numpy as np
import pytest

from framework import models
from framework.errors import UsageError
from framework.models.layers import BatchNorm, Dropout
from framework.models.plain import FORMS, plain


@pytest.mark.parametrize(
    "spec",
    [
        "mlp(units=(5,), dropout=.5)",
        "cnn(filters=(3, 4), dense=5, dropout=.5)",
        "resnet(depth=8)",
        "vit(width=12, depth=2, heads=3, dropout=.5)",
        *(
            pytest.param(f"applications({name!r})", marks=pytest.mark.extended)
            for name in ("MobileNetV2", "EfficientNetB0")
        ),
    ],
)
def test_a_member_has_the_same_outputs_in_layers_of_keras(spec):
    keras.utils.set_random_seed(0)
    network = models.build(spec)((32, 32, 3), 4)
    generator = np.random.default_rng(0)
    for variable in network.variables:
        values = generator.uniform(0.5, 1.5, variable.shape) / np.sqrt(
            max(1, np.prod(variable.shape[:-1]))
        )
        variable.assign(values.astype(np.float32))
    copy = plain(network)
    for layer in copy._flatten_layers(include_self=False):
        assert type(layer).__module__.split(".")[0] == "keras"
    images = generator.uniform(-1, 1, (5, 32, 32, 3)).astype(np.float32)
    expected = network(images, training=False).numpy()
    assert np.ptp(expected) > 1e-3
    np.testing.assert_allclose(copy(images).numpy(), expected, rtol=2e-5, atol=1e-6)


def test_a_network_inside_a_network_is_changed_too():
    inner = keras.Sequential([keras.Input((4,)), Dropout(0.5), BatchNorm()])
    middle = keras.Sequential([keras.Input((4,)), inner, BatchNorm()])
    network = keras.Sequential([keras.Input((4,)), middle, keras.layers.Dense(2)])
    generator = np.random.default_rng(0)
    for variable in network.variables:
        variable.assign(generator.uniform(0.5, 1.5, variable.shape))
    copy = plain(network)
    for layer in copy._flatten_layers(include_self=False):
        assert type(layer).__module__.split(".")[0] == "keras"
    inputs = generator.uniform(-1, 1, (5, 4)).astype(np.float32)
    np.testing.assert_allclose(copy(inputs), network(inputs), rtol=1e-5)


def test_every_layer_of_this_package_has_one_of_keras():
    for module in pkgutil.iter_modules(models.__path__, "framework.models."):
        importlib.import_module(module.name)
    own = keras.saving.get_custom_objects()
    assert FORMS.keys() == {own[name] for name in own if name.startswith("whyflat>")}


def test_a_subclassed_model_has_no_plain_form():
    class Net(keras.Model):
        pass

    with pytest.raises(UsageError, match="the class Net needs its own code"):
        plain(Net())
