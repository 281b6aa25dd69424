"""Held out: gradients, units, weights that stay, first weights; losses and outputs."""

from __future__ import annotations

import keras
import tensorflow as tf

from benchmarks.zoo.cases.case import Case, case
from benchmarks.zoo.cases.data import Data
from benchmarks.zoo.cases.recipe import faulty
from benchmarks.zoo.cases.report import nets
from benchmarks.zoo.cases.report.plan import (
    FIGURES,
    LETTERS,
    SPIRALS,
    TOPICS,
    WARDROBE,
    WAVES,
    adam,
    sgd,
)

initializers = keras.initializers


def constant(value: float):
    """Returns a function that builds an initializer of one number."""
    return lambda: initializers.Constant(value)


def normal(deviation: float):
    """Returns a function that builds an initializer of normal numbers."""
    return lambda: initializers.RandomNormal(stddev=deviation)


def threshold(inputs: tf.Tensor) -> tf.Tensor:
    """Passes what is above 6, where it should have been cut off at 6."""
    return keras.activations.relu(inputs, threshold=6.0)


def cut_at_six(inputs: tf.Tensor) -> tf.Tensor:
    """ReLU that ends at 6."""
    return keras.activations.relu(inputs, max_value=6.0)


def by_exponentials(labels: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
    """Softmax and cross-entropy as in a textbook: exponentials of logits."""
    exponentials = tf.exp(outputs)
    hot = tf.one_hot(tf.cast(tf.reshape(labels, [-1]), tf.int32), outputs.shape[-1])
    share = tf.reduce_sum(hot * exponentials, axis=1) / tf.reduce_sum(
        exponentials, axis=1
    )
    return -tf.reduce_mean(tf.math.log(share))


def quartered(data: Data) -> Data:
    """Pixels from 0 to 64: not small, and yet no fault with Adam."""
    return data.inputs(lambda x: x / 4)


def _logits() -> keras.losses.Loss:
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


_LARGE = "bad_initialization|exploding_gradients|learning_rate_too_high|dead_units"
_VANISHED = "vanishing_gradients|bad_initialization"
_DEAD = "dead_units|bad_initialization"
_SLOW = "loss_output_mismatch|learning_rate_too_low|stopped_too_early"
_DEEP = SPIRALS.but(net=nets.dense((24,) * 8), optimizer=adam(3e-3))
_PLAIN = WARDROBE.but(net=nets.dense((64,) * 5), optimizer=sgd(0.01, 0.9))
_TEXTBOOK = WARDROBE.but(
    scale=quartered, net=nets.dense((128, 64), head=None), loss=_logits()
)
_SLIM = FIGURES.but(net=nets.separable((12, 24)))
_FEW_WORDS = TOPICS.but(net=nets.words(4), optimizer=adam(2e-3))
_HOT = LETTERS.but(
    one_hot=True, loss="categorical_crossentropy", optimizer=sgd(0.02, 0.9)
)

CASES: tuple[Case, ...] = (
    case(
        "spirals under eight sigmoids",
        "own: P3",
        "spirals",
        _VANISHED,
        faulty(
            _DEEP,
            net=nets.dense((24,) * 8, activation="sigmoid", init="glorot_uniform"),
        ),
    ),
    case(
        "saturated from the start",
        "own: P3",
        "wardrobe",
        "bad_initialization|vanishing_gradients|exploding_gradients",
        faulty(_PLAIN, net=nets.dense((64,) * 5, "tanh", init=normal(1.5))),
    ),
    case(
        "five wide layers, normal .5",
        "I11 wrong_init random",
        "wardrobe",
        "exploding_gradients|bad_initialization|learning_rate_too_high|dead_units",
        faulty(_PLAIN, net=nets.dense((64,) * 5, init=normal(0.5))),
    ),
    case(
        "softmax of the textbook",
        "SO 33712178",
        "wardrobe",
        "exploding_gradients|loss_output_mismatch",
        faulty(_TEXTBOOK, loss=by_exponentials),
    ),
    case(
        "biases of -3, waves",
        "I20 AUTOTRAINER dying ReLU",
        "waves",
        _DEAD,
        faulty(WAVES, net=nets.signal(bias=constant(-3.0))),
    ),
    case(
        "six as threshold",
        "own: P4",
        "letters",
        "dead_units|vanishing_gradients",
        faulty(
            LETTERS.but(net=nets.strided(activation=cut_at_six)),
            net=nets.strided(activation=threshold),
        ),
    ),
    case(
        "convolutions kept, waves",
        "own: P5",
        "waves",
        "frozen_weights",
        faulty(
            WAVES.but(net=nets.signal((6, 8))), net=nets.signal((6, 8), frozen=True)
        ),
    ),
    case(
        "backbone without its weights",
        "own: P5",
        "figures",
        "frozen_weights",
        faulty(_SLIM, net=nets.separable((12, 24), trainable=False)),
    ),
    case(
        "words that stay random",
        "own: P5",
        "topics",
        "frozen_weights",
        faulty(_FEW_WORDS, net=nets.words(4, frozen=True)),
    ),
    case(
        "all ones",
        "I18 deepcrime ones init",
        "wardrobe",
        _LARGE,
        faulty(_PLAIN, net=nets.dense((64,) * 5, init="ones")),
    ),
    case(
        "small and all equal",
        "I11 wrong_init constant",
        "spirals",
        "bad_initialization",
        faulty(SPIRALS, net=nets.dense((32, 32), init=constant(0.1))),
    ),
    case(
        "no softmax at all",
        "I9 TheDeepChecker missing_softmax",
        "waves",
        "loss_output_mismatch",
        faulty(WAVES, net=nets.signal(head=None)),
    ),
    case(
        "absolute error of letters",
        "SO 31556268",
        "letters",
        _SLOW,
        faulty(_HOT, loss="mean_absolute_error"),
    ),
    case(
        "tanh for an answer",
        "I13 wrong_activation",
        "wardrobe",
        "loss_output_mismatch",
        faulty(WARDROBE, net=nets.dense((96, 48), head="tanh")),
    ),
)
