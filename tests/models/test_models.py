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
def test_a_spec_makes_a_model(text, parameters):
    model = models.build(text)(SHAPE, 7)
    models.check(model, SHAPE, 7)
    assert model.count_params() == parameters
    assert model.output_shape == (None, 7)


@pytest.mark.parametrize("name", models.MODELS)
def test_every_name_alone_is_a_model(name):
    model = models.build(name)((32, 32, 1), 3)
    models.check(model, (32, 32, 1), 3)
    # Evaluation is in float32 whatever the network computes in.
    assert model.output.dtype == "float32"


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """Makes a module of the user's own, which imports this."""

    def make(body):
        (tmp_path / "mine.py").write_text(body)
        monkeypatch.syspath_prepend(tmp_path)

    yield make
    sys.modules.pop("mine", None)


LINEAR = """
import keras

def linear(image_shape, num_classes, bias=True):
    layers = [keras.layers.Flatten(), keras.layers.Dense(num_classes, use_bias=bias)]
    return keras.Sequential(layers)
"""


@pytest.mark.parametrize(
    ("text", "parameters"),
    [("mine:linear", 768 * 7 + 7), (" mine:linear(bias=False)", 768 * 7)],
)
def test_a_function_of_the_users_own(mine, text, parameters):
    mine(LINEAR)
    model = models.build(text)(SHAPE, 7)
    # It has no input layer: `check` builds it.
    models.check(model, SHAPE, 7)
    assert model.count_params() == parameters


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cn(filters=(2,))", "unknown model 'cn'; did you mean cnn"),
        ("cnn(filtres=(2,))", "filtres"),
        # The data set says these.
        ("cnn(num_classes=3)", "num_classes"),
        ("cnn + mlp", "single name"),
        ("nowhere:linear", "the model's module 'nowhere'"),
        ("mine:missing", "module 'mine' has no function 'missing'"),
        ("mine:linear(bais=True)", r"its arguments are linear\(bias=True\)"),
    ],
)
def test_refuses_a_wrong_spec(mine, text, message):
    mine(LINEAR)
    with pytest.raises(UsageError, match=message):
        models.build(text)


def dense(count, *inputs):
    return keras.Sequential(
        [*inputs, keras.layers.Flatten(), keras.layers.Dense(count)]
    )


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda: dense(5, keras.Input(SHAPE)), r"must return 7 logits .*\(5,\)"),
        (lambda: dense(5), r"must return 7 logits an image, not \(5,\)"),
        (
            lambda: dense(7, keras.Input((8, 8, 3))),
            r"cannot take images of \(16, 16, 3",
        ),
        (
            lambda: keras.Sequential([keras.layers.Conv2D(7, 3)]),
            r"must return 7 logits an image, not \(14, 14, 7\)",
        ),
    ],
)
def test_refuses_a_model_that_does_not_fit_the_data(model, message):
    with pytest.raises(UsageError, match=message):
        models.check(model(), SHAPE, 7)
