"""Gradients, activations and initial weights that let no signal through."""

from __future__ import annotations

import keras
import tensorflow as tf

from benchmarks.zoo.cases.case import Case, Program, case
from benchmarks.zoo.cases.data import circles, digits, fashion, flowers
from benchmarks.zoo.cases.recipe import (
    CNN,
    FASHION_MLP,
    FLOWERS,
    MLP,
    SGD,
    compiled,
    faulty,
)

layers = keras.layers
initializers = keras.initializers


def log_of_zero(seed: int, broken: bool) -> Program:
    """Cross-entropy written out, with the logarithm of probabilities that are 0."""
    data = fashion(seed)

    def by_hand(labels: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        labels = tf.cast(tf.reshape(labels, [-1]), tf.int32)
        hot = tf.one_hot(labels, 10)
        return -tf.reduce_mean(tf.reduce_sum(hot * tf.math.log(outputs), axis=1))

    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Rescaling(1 / 4),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    loss = by_hand if broken else "sparse_categorical_crossentropy"
    compiled(model, keras.optimizers.Adam(2e-3), loss)
    return Program(
        model,
        (data.x, data.y),
        (data.vx, data.vy),
        (data.tx, data.ty),
        epochs=20,
        batch_size=64,
    )


def deep_rings(seed: int, broken: bool) -> Program:
    """Two rings, and seven layers of sigmoids."""
    data = circles(seed)
    model = keras.Sequential([keras.Input((2,))])
    for _ in range(7):
        model.add(layers.Dense(16, activation="sigmoid" if broken else "relu"))
    model.add(layers.Dense(1, activation="sigmoid"))
    compiled(model, keras.optimizers.Adam(1e-3), "binary_crossentropy")
    return Program(
        model, (data.x, data.y), (data.vx, data.vy), (data.tx, data.ty), epochs=40
    )


class Cut(layers.Layer):
    """Goes through NumPy in the author's mind: no gradient comes back."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns the inputs, rounded for the sake of memory."""
        return tf.stop_gradient(inputs)


def cut_off(seed: int, broken: bool) -> Program:
    """The features of a subclassed model are detached from its head."""
    data = digits(seed).inputs(lambda x: x / 255)
    inputs = keras.Input((8, 8, 1))
    features = layers.Flatten()(inputs)
    features = layers.Dense(12, activation="relu")(features)
    features = layers.Dense(8, activation="relu")(features)
    if broken:
        features = Cut()(features)
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(features))
    compiled(model, keras.optimizers.Adam(2e-3))
    return Program(
        model, (data.x, data.y), (data.vx, data.vy), (data.tx, data.ty), epochs=30
    )


def backbone_frozen(seed: int, broken: bool) -> Program:
    """Freezes a backbone as for fine-tuning; but it was never trained."""
    data = flowers(seed).inputs(lambda x: x / 255)
    backbone = keras.Sequential(
        [
            keras.Input((24, 24, 3)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(24, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.GlobalMaxPooling2D(),
        ],
        name="backbone",
    )
    backbone.trainable = not broken
    model = keras.Sequential([backbone, layers.Dense(5, activation="softmax")])
    compiled(model, keras.optimizers.Adam(5e-3))
    return Program(
        model, (data.x, data.y), (data.vx, data.vy), (data.tx, data.ty), epochs=30
    )


def dying(seed: int, broken: bool) -> Program:
    """Biases that begin far below zero: hardly a unit ever speaks."""
    data = fashion(seed).inputs(lambda x: x / 255)
    bias = initializers.Constant(-4.0) if broken else "zeros"
    model = keras.Sequential([keras.Input((28, 28, 1)), layers.Flatten()])
    for _ in range(3):
        model.add(layers.Dense(64, activation="relu", bias_initializer=bias))
    model.add(layers.Dense(10, activation="softmax"))
    compiled(model, keras.optimizers.SGD(0.1))
    return Program(
        model,
        (data.x, data.y),
        (data.vx, data.vy),
        (data.tx, data.ty),
        epochs=20,
        batch_size=64,
    )


def _constant(value: float) -> type | object:
    return lambda: initializers.Constant(value)


def _normal(deviation: float) -> object:
    return lambda: initializers.RandomNormal(stddev=deviation)


_DEEP = MLP.but(units=(32,) * 8, epochs=30)
_INIT = "bad_initialization"
_LARGE = "bad_initialization|exploding_gradients|learning_rate_too_high|dead_units"

CASES: tuple[Case, ...] = (
    case(
        "rings under seven sigmoids",
        "I20 AUTOTRAINER circle",
        "circles",
        "vanishing_gradients|bad_initialization",
        deep_rings,
    ),
    case(
        "eight sigmoids",
        "own: P3",
        "digits",
        "vanishing_gradients|bad_initialization",
        faulty(_DEEP, activation="sigmoid"),
    ),
    case(
        "hidden softmax",
        "I13 wrong_activation",
        "digits",
        "vanishing_gradients|loss_output_mismatch|learning_rate_too_low",
        faulty(SGD.but(units=(64, 64)), activation="softmax"),
    ),
    case(
        "logarithm of zero",
        "SO 33712178, 39487825",
        "fashion",
        "exploding_gradients|loss_output_mismatch",
        log_of_zero,
    ),
    case(
        "deep and wild",
        "own: P3",
        "digits",
        "exploding_gradients|bad_initialization|learning_rate_too_high",
        faulty(
            SGD.but(units=(64,) * 5, init="he_normal", learning_rate=0.03),
            init=_normal(0.6),
        ),
    ),
    case(
        "dying units",
        "I20 AUTOTRAINER dying ReLU",
        "fashion",
        "dead_units|bad_initialization",
        dying,
    ),
    case(
        "dead convolutions",
        "own: P4",
        "digits",
        "dead_units|bad_initialization",
        faulty(CNN, bias=_constant(-1.5)),
    ),
    case("features cut off", "own: P5", "digits", "frozen_weights", cut_off),
    case("backbone frozen", "own: P5", "flowers", "frozen_weights", backbone_frozen),
    case(
        "zeros",
        "I15 deepcrime M zeros init",
        "digits",
        _INIT,
        faulty(CNN, init="zeros"),
    ),
    case(
        "constant .01",
        "I11 wrong_init constant",
        "fashion",
        _INIT,
        faulty(FASHION_MLP.but(units=(64, 64)), init=_constant(0.01)),
    ),
    case(
        "normal 1",
        "SO 48723158, init alone",
        "digits",
        _LARGE,
        faulty(SGD.but(units=(64, 64)), init=_normal(1.0)),
    ),
    case(
        "normal .5",
        "I11 wrong_init random",
        "flowers",
        _LARGE,
        faulty(FLOWERS, init=_normal(0.5)),
    ),
)
