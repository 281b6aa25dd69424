"""Public reports about networks, steps and rates."""

from __future__ import annotations

import functools
from collections.abc import Callable

import keras
import tensorflow as tf

from benchmarks.zoo.cases.case import Case, Program, case
from benchmarks.zoo.cases.data import fashion
from benchmarks.zoo.cases.public.images import PHOTOGRAPHS, clothes, only, photographs
from benchmarks.zoo.cases.recipe import compiled
from benchmarks.zoo.cases.report import nets
from benchmarks.zoo.cases.report.plan import Plan, adam, sgd, unit
from benchmarks.zoo.cases.report.stepped import Stepped

layers = keras.layers


class Accumulated(Stepped):
    """Adds up the gradients of the parts of a batch, without dividing by their number.

    The sum of the means over equal parts is the mean over the batch, times the number
    of parts.

    Args:
        network: From inputs to probabilities.
        parts: How many.
    """

    def __init__(self, network: keras.Model, parts: int):
        super().__init__(network)
        self._parts = parts

    def averaged(self, losses: tf.Tensor) -> tf.Tensor:
        """Returns the sum of the means over the parts."""
        return self._parts * tf.reduce_mean(losses)


def _accumulated(seed: int, broken: bool) -> Program:
    parts = 16 if broken else 1
    return _ACCUMULATED.but(wrap=lambda net: Accumulated(net, parts)).program(seed)


def scattered(scaled: bool) -> nets.Net:
    """Dense layers with weights drawn from -1 to 1, or less the more inputs there are.

    Args:
        scaled: Whether the range is divided by the root of the number of inputs.
    """
    if scaled:
        kind = functools.partial(
            keras.initializers.VarianceScaling, 1 / 3, "fan_in", "uniform"
        )
    else:
        kind = functools.partial(keras.initializers.RandomUniform, -1.0, 1.0)
    return nets.dense((100, 100), init=kind)


def _scattered(seed: int, broken: bool) -> Program:
    return _SCATTERED.but(net=scattered(scaled=not broken)).program(seed)


def every_seven(steps: int) -> Callable[[], keras.optimizers.Optimizer]:
    """Returns a function that builds SGD whose rate falls to a tenth every 7 steps.

    Args:
        steps: In how many optimizer steps the schedule makes one of its own.
    """
    schedule = keras.optimizers.schedules.ExponentialDecay(
        0.01, 7 * steps, 0.1, staircase=True
    )
    return sgd(schedule, 0.9)


def _stepped_per_batch(seed: int, broken: bool) -> Program:
    # The twin's schedule makes a step per epoch of 1,000 images at most.
    return _TWO_KINDS.but(optimizer=every_seven(1 if broken else 30)).program(seed)


class Rebuilt(Stepped):
    """A step whose optimizer holds the weights of a network, perhaps of an older one.

    Args:
        network: From inputs to probabilities; it is evaluated.
        known: The network whose weights the optimizer was given.
    """

    def __init__(self, network: keras.Model, known: keras.Model):
        super().__init__(network)
        self._known = known

    def taught(self) -> list:
        """Returns the weights that the optimizer knows."""
        return self._known.trainable_variables

    def update(self, gradients: list, variables: list) -> None:
        """Updates the variables that the loss depends on."""
        zeros = [tf.zeros_like(variable) for variable in variables]
        gradients = [
            zero if gradient is None else gradient
            for gradient, zero in zip(gradients, zeros, strict=True)
        ]
        super().update(gradients, variables)


def pruned(network: keras.Model, kept: int) -> keras.Model:
    """Returns a network of one hidden layer with its first units alone."""
    hidden, head = [each for each in network.layers if each.weights]
    model = keras.Sequential(
        [
            keras.Input(network.input_shape[1:]),
            layers.Flatten(),
            layers.Dense(kept, activation="relu"),
            layers.Dense(head.units, activation="softmax"),
        ]
    )
    kernel, bias = hidden.get_weights()
    weights, biases = head.get_weights()
    model.set_weights([kernel[:, :kept], bias[:kept], weights[:kept], biases])
    return model


def rebuilt(seed: int, broken: bool) -> Program:
    """A trained network is pruned to a tenth of its units, and trained further."""
    data = unit(clothes(seed))
    network = nets.dense((120,))(data.x.shape[1:], data.classes)
    compiled(network).fit(data.x, data.y, epochs=6, verbose=0)
    small = pruned(network, 12)
    model = Rebuilt(small, network if broken else small)
    compiled(model, keras.optimizers.Adam(2e-3))
    test = (data.tx, data.ty)
    return Program(model, (data.x, data.y), (data.vx, data.vy), test, epochs=15)


def _shallow(seed: int, broken: bool) -> Program:
    """Few layers, and two convolutions with a pooling more."""
    return _COLOURS.but(net=convolved((4,) if broken else (16, 32))).program(seed)


def convolved(filters: tuple[int, ...]) -> nets.Net:
    """Pairs of convolutions, a pooling after each, and the mean over all places."""

    def make(shape: tuple[int, ...], classes: int) -> keras.Model:
        model = keras.Sequential([keras.Input(shape)])
        for count in filters:
            for _ in range(2):
                model.add(layers.Conv2D(count, 3, padding="same", activation="relu"))
            model.add(layers.MaxPooling2D())
        model.add(layers.GlobalAveragePooling2D())
        model.add(layers.Dense(classes, activation="softmax"))
        return model

    return make


_ACCUMULATED = Plan(
    clothes, nets.strided(), scale=unit, optimizer=sgd(0.05, 0.9), batch=64, epochs=12
)
_SCATTERED = Plan(
    functools.partial(fashion, train=1500),
    nets.dense(),
    scale=unit,
    optimizer=adam(1e-3),
    epochs=12,
)
_TWO_KINDS = Plan(
    lambda seed: only(photographs(seed, 2400, 800), (1, 4)),
    nets.strided(),
    scale=unit,
    epochs=25,
)
_COLOURS = Plan(
    functools.partial(photographs, train=2000, validation=600),
    nets.strided(),
    scale=unit,
    optimizer=adam(2e-3),
    epochs=20,
)

CASES: tuple[Case, ...] = (
    case(
        "public: gradients added and not averaged",
        "https://github.com/fastai/fastai/issues/3023",
        "fashion",
        "replica_scaling|learning_rate_too_high|exploding_gradients",
        _accumulated,
    ),
    case(
        "public: weights drawn from -1 to 1",
        "https://github.com/tinygrad/tinygrad/pull/566",
        "fashion",
        "bad_initialization|exploding_gradients|dead_units",
        _scattered,
    ),
    case(
        "public: the schedule steps once a batch",
        "https://github.com/pytorch/tutorials/pull/640",
        PHOTOGRAPHS,
        "learning_rate_too_low|stopped_too_early",
        _stepped_per_batch,
    ),
    case(
        "public: pruned, and the optimizer not renewed",
        "https://github.com/microsoft/nni/issues/4521",
        "fashion",
        "wrong_variables|frozen_weights|learning_rate_frozen",
        rebuilt,
    ),
    case(
        "public: two convolutions more",
        "https://github.com/keras-team/keras/issues/4749",
        PHOTOGRAPHS,
        "insufficient_capacity",
        _shallow,
    ),
)
