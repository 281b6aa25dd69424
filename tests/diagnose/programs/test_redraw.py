"""Tests of framework/diagnose/programs/redraw.py."""

import random

import keras
import numpy as np
import pytest

from framework.diagnose.programs.redraw import redraw, seeded

L = keras.layers


def built(*layers):
    keras.utils.set_random_seed(1)
    return keras.Sequential([keras.Input((8, 8, 1)), *layers])


def network():
    return built(
        L.Conv2D(8, 3, use_bias=False),
        L.BatchNormalization(),
        L.Flatten(),
        L.Dense(16, "relu", kernel_initializer=keras.initializers.HeNormal(seed=7)),
        L.Dense(10),
    )


def values(model):
    return [np.array(each) for each in model.get_weights()]


def drawn(before, after):
    """Returns which weights have changed, by their place."""
    pairs = enumerate(zip(before, after, strict=True))
    return [place for place, (a, b) in pairs if not np.array_equal(a, b)]


KERNELS = [0, 5, 7]


def test_a_new_model_is_drawn_anew_by_the_seed():
    model = network()
    start = values(model)
    assert redraw(model, 1) == sum(start[place].size for place in KERNELS)
    first = values(model)
    # A seeded initializer has other values as well; what has no chance stays.
    assert drawn(start, first) == KERNELS
    redraw(model, 2)
    assert drawn(first, values(model)) == KERNELS
    redraw(model, 1)
    assert not drawn(first, values(model))
    for place in KERNELS:
        assert first[place].std() == pytest.approx(start[place].std(), rel=0.35)


def trained(model):
    """Every bias and moving average differs from its beginning."""
    model.set_weights([each + 0.01 for each in values(model)])


def large(model):
    model.layers[3].kernel.assign(100 * model.layers[3].kernel)


def zero(model):
    model.layers[4].kernel.assign(0 * model.layers[4].kernel)


def pretrained(model):
    """A trained base beneath a new head."""
    model.layers[0].kernel.assign(np.random.default_rng(0).normal(size=(3, 3, 1, 8)))
    model.layers[1].moving_mean.assign(np.ones(8))


@pytest.mark.parametrize(
    ("change", "places"),
    [
        (trained, []),
        # A fault of the initial weights is the program's own: it stays in every arm.
        # The first layer has no bias: whether it is new, the others tell.
        (large, [7]),
        (zero, [5]),
        (pretrained, [5, 7]),
    ],
)
def test_what_is_not_at_its_initialization_is_kept(change, places):
    model = network()
    change(model)
    before = values(model)
    count = redraw(model, 3)
    assert drawn(before, values(model)) == places
    assert (count > 0) == bool(places)


def test_layers_that_are_made_within_seeds_are_the_same():
    def made(seed):
        with seeded(seed):
            return L.Dense(4).from_config(L.Dense(4).get_config())

    def kernel(layer):
        layer.build((None, 3))
        return np.array(layer.kernel)

    random.seed(5)
    following = random.random()
    random.seed(5)
    first = kernel(made(1))
    assert random.random() == following
    np.testing.assert_array_equal(kernel(made(1)), first)
    assert not np.array_equal(kernel(made(2)), first)


class Own(keras.layers.Layer):
    """A layer whose weight has no initializer that could be asked."""

    def build(self, shape):
        self.scale = self.add_weight(shape=(shape[-1],), initializer="random_normal")

    def call(self, inputs):
        return inputs * self.scale


def test_nested_layers_are_drawn_and_own_ones_kept():
    inner = keras.Sequential([L.Dense(16), L.Dense(4)])
    model = built(L.Flatten(), Own(), inner)
    before = values(model)
    assert redraw(model, 1) == 64 * 16 + 16 * 4
    assert drawn(before, values(model)) == [1, 3]
