"""Tests of framework/diagnose/programs/watch_layers.py."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from framework.diagnose.programs.watch_layers import first_inputs, watched

L = keras.layers
VALUES = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)


def sequential(inner):
    return keras.Sequential([keras.Input((4,)), inner, L.Dense(2, name="last")])


def functional(inner):
    inputs = keras.Input((4,))
    return keras.Model(inputs, L.Dense(2, name="last")(inner(inputs)))


class Own(keras.Model):
    """Calls its layers as only it knows."""

    def __init__(self, inner):
        super().__init__()
        self.inner, self.last = inner, L.Dense(2, name="last")

    def call(self, x):
        return self.last(self.inner(x))


@pytest.mark.parametrize("make", [sequential, functional, Own])
@pytest.mark.parametrize("nested", [False, True])
def test_keeps_what_each_layer_returns(make, nested):
    inner = L.Dense(3, "relu", name="inner")
    if nested:
        inner = keras.Sequential([keras.Input((4,)), inner], name="nested")
    model = make(inner)
    with watched(model) as seen:
        outputs = model(VALUES)
    assert list(seen) == ["inner", "last"]
    assert seen["inner"].dtype == np.float32
    np.testing.assert_array_equal(seen["inner"], inner(VALUES))
    np.testing.assert_array_equal(seen["last"], outputs)


def test_the_layers_are_as_they_were():
    model = sequential(L.Dense(3, name="inner"))
    before = [dict(vars(layer)) for layer in model.layers]
    with pytest.raises(ZeroDivisionError), watched(model) as seen:
        raise ZeroDivisionError
    assert [set(vars(layer)) for layer in model.layers] == [
        set(each) for each in before
    ]
    model(VALUES)
    assert seen == {}
    # A graph can be made of it as before.
    model.compile(loss="mse", optimizer="sgd")
    model.train_on_batch(VALUES, np.zeros((5, 2)))


def test_layers_after_the_first_kernel_are_not_called():
    called = []

    class Noted(L.Layer):
        def call(self, x):
            called.append(x.shape[0])
            return x

    first = [keras.Input((4,)), L.Rescaling(2.0), L.Dense(3)]
    scaled = keras.Sequential([*first, Noted()])
    called.clear()
    np.testing.assert_array_equal(first_inputs(scaled, VALUES), 2 * VALUES)
    assert not called
    # The model can be called as before.
    assert scaled(VALUES).shape == (5, 3)
    assert called == [5]


def test_arguments_go_through():
    model = keras.Sequential([keras.Input((4,)), L.Dropout(0.9, name="dropout")])
    with watched(model) as seen:
        model(VALUES, training=True)
        assert (seen["dropout"] == 0).any()
        model(VALUES, training=False)
        assert np.array_equal(seen["dropout"], VALUES)


def test_a_layer_that_is_called_twice_is_kept_as_it_was_last():
    shared = L.Dense(4, name="shared")
    inputs = keras.Input((4,))
    model = keras.Model(inputs, shared(shared(inputs)))
    with watched(model) as seen:
        outputs = model(VALUES)
    np.testing.assert_array_equal(seen["shared"], outputs)


def test_what_is_no_single_tensor_is_left_out():
    class Pair(L.Layer):
        def call(self, x):
            return x, 2 * x

    class Both(keras.Model):
        def __init__(self):
            super().__init__()
            self.pair, self.half = Pair(name="pair"), L.Activation("relu", name="half")

        def call(self, x):
            return self.half(tf.cast(self.pair(x)[1], tf.float32))

    model = Both()
    with watched(model) as seen:
        model(VALUES)
    assert list(seen) == ["half"]


@pytest.mark.parametrize(
    ("layers", "seen"),
    [
        ([L.Dense(3)], lambda x: x),
        (
            [L.Rescaling(0.5, 1.0), L.Dense(3)],
            lambda x: x / 2 + 1,
        ),
        (
            [
                keras.Sequential([L.Rescaling(0.5)]),
                keras.Sequential([L.Rescaling(4.0), L.Dense(3)]),
                L.Dense(2),
            ],
            lambda x: 2 * x,
        ),
        ([L.Embedding(9, 2), L.Dense(3)], None),
    ],
)
def test_what_the_first_kernel_sees(layers, seen):
    images = np.random.default_rng(0).integers(0, 9, (70, 4)).astype(np.float32)
    model = keras.Sequential([keras.Input((4,)), *layers])
    result = first_inputs(model, images)
    if seen is None:
        assert result is None
    else:
        np.testing.assert_allclose(result, seen(images))
    assert not any("call" in vars(each) for each in model._flatten_layers())


def test_operations_that_are_no_layers_are_seen():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, L.Dense(3)(inputs / 255.0))
    images = np.full((5, 4), 51.0, np.float32)
    np.testing.assert_allclose(first_inputs(model, images), 0.2)
