"""Tests of framework/launch/training.py."""

import keras
import pytest

from framework.config import Config
from framework.errors import UsageError
from framework.launch import components, training


def build(tmp_path, model=None, **changes):
    values = {"model": "mlp(units=(8,))", "dataset": "noise(train=64, size=8)"}
    config = Config(workdir=str(tmp_path / "run"), **{**values, **changes})
    return components.build(config, model, None, lambda *_: None)


def test_learning_rate_is_that_of_the_config():
    config = Config(learning_rate=0.5, schedule="warmup(50%) + constant")
    rate = training.learning_rate(config, 20, 10)
    assert [float(rate(step)) for step in (4, 15)] == [pytest.approx(0.2), 0.5]


@pytest.mark.parametrize(
    "changes", [{"batch_size": 6, "accumulate": 2}, {"batch_size": 6, "shards": 2}, {}]
)
def test_images_are_mixed_in_pairs(tmp_path, changes):
    options = {"batch_size": 5} | changes
    with pytest.raises(UsageError, match=r"must be a multiple of [24] where"):
        build(tmp_path, augment="mixup", **options)


def test_floats_have_no_negative(tmp_path):
    with pytest.raises(UsageError, match="invert needs images of bytes"):
        build(tmp_path, augment="flip + invert")


def network(loss=None):
    def model(image_shape, num_classes):
        layers = [keras.layers.Flatten(), keras.layers.Dense(num_classes)]
        network = keras.Sequential([keras.Input(image_shape), *layers])
        network.compile(loss=loss)
        return network

    return model


@pytest.mark.parametrize(
    ("changes", "loss", "message"),
    [
        ({"loss": "ohem(.5)", "accumulate": 2}, None, "leave out --accumulate=2"),
        ({"loss": "ohem(.5)", "shards": 2}, None, "leave out --shards=2"),
        ({}, "mse", "is compiled with the loss mean_squared_error"),
    ],
    ids=["ohem", "ohem of shards", "compiled"],
)
def test_refuses_a_loss_that_would_not_be_what_was_asked(
    tmp_path, changes, loss, message
):
    with pytest.raises(UsageError, match=message):
        build(tmp_path, network(loss), **changes)


def test_a_built_model_has_one_precision(tmp_path):
    built = network()((8, 8, 3), 5)
    with pytest.raises(UsageError, match="bound to one device and one precision"):
        build(tmp_path, built, precision="bfloat16")
