"""Tests of framework/models/plain.py."""

import keras
import numpy as np
import pytest

from framework import models
from framework.errors import UsageError
from framework.models.plain import plain


@pytest.mark.parametrize(
    "spec",
    [
        "mlp(units=(5,), dropout=.5)",
        "cnn(filters=(3, 4), dense=5, dropout=.5)",
        "resnet(depth=8)",
    ],
)
def test_a_member_has_the_same_outputs_in_layers_of_keras(spec):
    keras.utils.set_random_seed(0)
    network = models.build(spec)((16, 16, 3), 4)
    generator = np.random.default_rng(0)
    for variable in network.variables:
        values = generator.uniform(0.5, 1.5, variable.shape) / np.sqrt(
            max(1, np.prod(variable.shape[:-1]))
        )
        variable.assign(values.astype(np.float32))
    copy = plain(network)
    for layer in copy._flatten_layers(include_self=False):
        assert type(layer).__module__.split(".")[0] == "keras"
    images = generator.uniform(-1, 1, (5, 16, 16, 3)).astype(np.float32)
    expected = network(images, training=False).numpy()
    assert np.ptp(expected) > 1e-3
    np.testing.assert_allclose(copy(images).numpy(), expected, rtol=2e-5, atol=1e-6)


def test_a_subclassed_model_has_no_plain_form():
    class Net(keras.Model):
        pass

    with pytest.raises(UsageError, match="the class Net needs its own code"):
        plain(Net())
