"""Losses and outputs that do not fit each other."""

from __future__ import annotations

import keras
import tensorflow as tf

from benchmarks.zoo.cases.case import Case, Program, case
from benchmarks.zoo.cases.data import Data, blobs, digits, flowers
from benchmarks.zoo.cases.recipe import (
    FASHION_SGD,
    FLOWERS,
    MLP,
    SGD,
    compiled,
    faulty,
)

layers = keras.layers


def _program(model: keras.Model, data: Data, epochs: int, batch: int = 32) -> Program:
    return Program(
        model,
        (data.x, data.y),
        (data.vx, data.vy),
        (data.tx, data.ty),
        epochs,
        batch,
    )


def softmax_of_one(seed: int, broken: bool) -> Program:
    """Two classes, one output, and a softmax over it: always 1."""
    data = blobs(seed, features=2, spread=1.0)
    last = "softmax" if broken else "sigmoid"
    model = keras.Sequential(
        [
            keras.Input((2,)),
            layers.Dense(32, activation="tanh"),
            layers.Dense(1, activation=last),
        ]
    )
    compiled(model, "rmsprop", "binary_crossentropy")
    return _program(model, data, 25)


def softmax_of_one_mse(seed: int, broken: bool) -> Program:
    """The same on pictures of two species, with a squared error."""
    data = flowers(seed).inputs(lambda x: x / 255)
    rows, val, test = (labels < 2 for labels in (data.y, data.vy, data.ty))
    data = data.but(
        x=data.x[rows],
        y=data.y[rows],
        vx=data.vx[val],
        vy=data.vy[val],
        tx=data.tx[test],
        ty=data.ty[test],
    )
    model = keras.Sequential(
        [
            keras.Input((24, 24, 3)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(4),
            layers.Flatten(),
            layers.Dense(32, activation="relu"),
            layers.Dense(1, activation="softmax" if broken else "sigmoid"),
        ]
    )
    loss = "mean_squared_error" if broken else "binary_crossentropy"
    compiled(model, keras.optimizers.Adam(2e-3), loss)
    return _program(model, data, 25)


def one_sigmoid_for_three(seed: int, broken: bool) -> Program:
    """Three grades of damage, and one sigmoid: the loss falls below zero."""
    data = blobs(seed, classes=3, features=8, spread=1.2)
    head = [layers.Dense(1, activation="sigmoid")]
    loss = "binary_crossentropy"
    if not broken:
        head = [layers.Dense(3, activation="softmax")]
        loss = "sparse_categorical_crossentropy"
    model = keras.Sequential(
        [keras.Input((8,)), layers.Dense(32, activation="relu"), *head]
    )
    compiled(model, "adam", loss)
    return _program(model, data, 25)


def summed(labels: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
    """Returns the cross-entropy of a batch, added up."""
    losses = keras.losses.sparse_categorical_crossentropy(labels, outputs)
    return tf.reduce_sum(losses)


def uncertain(labels: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
    """Cross-entropy with its sign forgotten."""
    hot = tf.one_hot(tf.cast(tf.reshape(labels, [-1]), tf.int32), outputs.shape[-1])
    return tf.reduce_mean(tf.reduce_sum(hot * tf.math.log(outputs + 1e-7), axis=1))


def rectified_logits(seed: int, broken: bool) -> Program:
    """The last layer is rectified as all others are, and is then taken for logits."""
    data = digits(seed).inputs(lambda x: x / 255)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(
                10,
                activation="relu" if broken else None,
                bias_initializer=keras.initializers.Constant(-0.5)
                if broken
                else "zeros",
            ),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    compiled(model, keras.optimizers.SGD(0.2), loss)
    return _program(model, data, 25)


def too_few_outputs(seed: int, broken: bool) -> Program:
    """One-hot labels of ten classes, and an error that broadcasts them to one."""
    data = digits(seed).inputs(lambda x: x / 255)
    hot = [keras.utils.to_categorical(y, 10) for y in (data.y, data.vy)]
    units, last = (1, "sigmoid") if broken else (10, "softmax")
    model = MLP.but(head=last).network((8, 8, 1), units)
    loss = broadcast_error if broken else "categorical_crossentropy"
    compiled(model, "adam", loss)
    test = (data.tx, data.ty)
    return Program(model, (data.x, hot[0]), (data.vx, hot[1]), test, 20)


def broadcast_error(labels: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
    """A squared error of one's own, which never asks whether shapes are equal."""
    return tf.reduce_mean(tf.square(tf.cast(labels, tf.float32) - outputs))


def of_logits(labels: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
    """TensorFlow's own cross-entropy, which has a softmax in it."""
    labels = tf.cast(tf.reshape(labels, [-1]), tf.int32)
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, outputs)


def _from_logits() -> keras.losses.Loss:
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


_MSE = {"loss": "mean_squared_error", "one_hot": True}
_HOT = FASHION_SGD.but(one_hot=True, loss="categorical_crossentropy")

CASES: tuple[Case, ...] = (
    case(
        "softmax over one unit",
        "SO 31880720",
        "blobs",
        "loss_output_mismatch",
        softmax_of_one,
    ),
    case(
        "softmax over one unit, MSE",
        "SO 34311586, 31627380",
        "flowers",
        "loss_output_mismatch",
        softmax_of_one_mse,
    ),
    case(
        "one sigmoid for three classes",
        "SO 50079585",
        "blobs",
        "loss_output_mismatch|illegal_labels",
        one_sigmoid_for_three,
    ),
    case(
        "softmax twice",
        "I9 TheDeepChecker redundant_softmax",
        "digits",
        "loss_output_mismatch|learning_rate_too_low|stopped_too_early",
        faulty(
            SGD.but(head=None, loss=_from_logits(), learning_rate=0.05),
            head=lambda x: tf.nn.softmax(tf.nn.softmax(x)),
        ),
    ),
    case(
        "softmax twice, CNN",
        "I9 TheDeepChecker redundant_softmax",
        "flowers",
        "loss_output_mismatch|learning_rate_too_low|stopped_too_early",
        faulty(
            FLOWERS.but(
                head=None,
                loss=of_logits,
                optimizer=keras.optimizers.SGD,
                learning_rate=0.1,
                epochs=35,
            ),
            head="softmax",
        ),
    ),
    case(
        "summed loss",
        "I10 wrong_loss_function",
        "fashion",
        "loss_output_mismatch|learning_rate_too_high|exploding_gradients|dead_units",
        faulty(
            FASHION_SGD,
            loss=summed,
        ),
    ),
    case(
        "squared error",
        "I10 wrong_loss_selection",
        "fashion",
        "loss_output_mismatch|learning_rate_too_low|stopped_too_early",
        faulty(_HOT, **_MSE, head="sigmoid"),
    ),
    case(
        "sign forgotten",
        "I12 TheDeepChecker flipped_sign",
        "digits",
        "loss_output_mismatch",
        faulty(MLP, loss=uncertain),
    ),
    case(
        "rectified logits",
        "I16 deepcrime activation",
        "digits",
        "loss_output_mismatch|dead_units",
        rectified_logits,
    ),
    case(
        "one unit for ten classes",
        "own: P6",
        "digits",
        "loss_output_mismatch",
        too_few_outputs,
    ),
)
