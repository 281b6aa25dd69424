"""Tests of framework/models/__init__.py."""

import sys

import keras
import pytest

from framework import models
from framework.errors import UsageError

SHAPE = (16, 16, 3)


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ("mlp(units=(4,))", (768 + 1) * 4 + 5 * 7),
        ("mlp((4,), dropout=.5)", (768 + 1) * 4 + 5 * 7),
        ("cnn(filters=(2,), dense=3)", 56 + (7 * 7 * 2 + 1) * 3 + 4 * 7),
    ],
)
def test_a_spec_builds_a_model(text, parameters):
    model = models.build(text)(SHAPE, 7)
    models.check(model, SHAPE, 7)
    assert model.count_params() == parameters
    assert model.output_shape == (None, 7)


@pytest.mark.parametrize(
    "name", sorted(models.MODELS.keys() - {"applications", "hub", "keras_file"})
)
def test_every_name_builds_a_model(name):
    model = models.build(name)((32, 32, 1), 3)
    models.check(model, (32, 32, 1), 3)
    # Logits are float32 in every precision.
    assert model.output.dtype == "float32"


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """Returns a function that writes the module `mine`."""

    def write_module(body):
        (tmp_path / "mine.py").write_text(body)
        monkeypatch.syspath_prepend(tmp_path)

    yield write_module
    sys.modules.pop("mine", None)


LINEAR = """
import keras

def linear(image_shape, num_classes, bias=True):
    layers = [keras.layers.Flatten(), keras.layers.Dense(num_classes, use_bias=bias)]
    return keras.Sequential(layers)

def few(image_shape):
    pass

NAME = "linear"

def fails(image_shape, num_classes, how):
    if how == "exit":
        raise SystemExit(0)
    return {}[how]
"""


@pytest.mark.parametrize(
    ("text", "parameters"),
    [("mine:linear", 768 * 7 + 7), (" mine:linear(bias=False)", 768 * 7)],
)
def test_a_users_own_function(mine, text, parameters):
    mine(LINEAR)
    model = models.build(text)(SHAPE, 7)
    # It has no input layer; `check` builds it.
    models.check(model, SHAPE, 7)
    assert model.count_params() == parameters


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cn(filters=(2,))", "unknown model 'cn'; did you mean cnn"),
        ("cnn(filtres=(2,))", "filtres"),
        # The data set determines these.
        ("cnn(num_classes=3)", "num_classes"),
        ("cnn + mlp", "single name"),
        ("mine.linear", "module:name, as mine:linear"),
        ("mine:keras", "mine:keras must be a function or class, not module"),
        ("mine:NAME", "mine:NAME must be a function or class, not str"),
        ("mine:few", r"mine:few must be a function of \(image_shape, num_classes, "),
        ("nowhere:linear", "nowhere:linear: there is no module 'nowhere' in /"),
        ("mine:missing", r"module 'mine' \(.*mine.py\) has no 'missing'"),
        ("mine:linear(bais=True)", r"its arguments are linear\(bias=True\)"),
    ],
)
def test_refuses_a_wrong_spec(mine, text, message):
    mine(LINEAR)
    with pytest.raises(UsageError, match=message):
        models.build(text)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("exit", r"^--model: mine:fails: .*mine\.py:15: calls sys\.exit\(0\)$"),
        ("x", r"^--model: mine:fails: .*mine\.py:16: KeyError: 'x'$"),
    ],
)
def test_errors_of_the_users_function_are_located(mine, how, message):
    mine(LINEAR)
    with pytest.raises(UsageError, match=message):
        models.build(f"mine:fails(how={how!r})")(SHAPE, 7)


def dense(count, *inputs):
    return keras.Sequential(
        [*inputs, keras.layers.Flatten(), keras.layers.Dense(count)]
    )


class Pick(keras.layers.Layer):
    """Returns the first values of each row."""

    def __init__(self, count):
        super().__init__()
        self.count = count

    def call(self, inputs):
        return inputs[:, : self.count]


class Classes(Pick):
    """Returns integers."""

    def call(self, inputs):
        return keras.ops.cast(super().call(inputs), "int32")


class Several(keras.Model):
    """Returns a dictionary."""

    def call(self, inputs):
        return {"logits": inputs}


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda: dense(5, keras.Input(SHAPE)), r"must return 7 logits .*\(5,\)"),
        (lambda: dense(5), r"must return 7 logits per image, not \(5,\)"),
        (
            lambda: dense(7, keras.Input((8, 8, 3))),
            r"cannot take images of \(16, 16, 3",
        ),
        (
            lambda: keras.Sequential([keras.layers.Conv2D(7, 3)]),
            r"must return 7 logits per image, not \(14, 14, 7\)",
        ),
        (lambda: None, "must be a keras.Model, not None"),
        (lambda: keras.Sequential, "must be a keras.Model, not the class Sequential"),
        (
            lambda: keras.Sequential([keras.layers.Flatten(), Classes(7)]),
            "must return floats, not .*int32",
        ),
        (
            lambda: keras.Sequential(
                [keras.layers.GlobalMaxPooling2D(), keras.layers.ZeroPadding1D(2)]
            ),
            "cannot take images of",
        ),
        (
            lambda: keras.Sequential([keras.layers.Flatten(), Pick(7)]),
            "has no trainable weights; set trainable=True",
        ),
        (lambda: Several(), "must return a tensor, not a dict"),
    ],
)
def test_refuses_a_model_that_does_not_fit_the_data(model, message):
    with pytest.raises(UsageError, match=message):
        models.check(model(), SHAPE, 7)


def test_refuses_layers_whose_state_depends_on_the_order_of_shards():
    from framework.models import layers

    def model(*between):
        return keras.Sequential([keras.Input(SHAPE), *between])

    frozen = keras.layers.BatchNormalization(trainable=False)
    models.require_shardable(model(layers.batch_norm(), layers.Dropout(0.5), frozen))
    for layer in (
        keras.layers.BatchNormalization(),
        keras.layers.GaussianNoise(0.1),
        keras.layers.RandomFlip(),
        layers.batch_norm(renorm=True),
    ):
        with pytest.raises(UsageError, match=rf"--shards: the state of {layer.name} "):
            models.require_shardable(model(layer))
