"""Public reports about steps of training: written out, frozen, noisy or penalized."""

from __future__ import annotations

import keras
import tensorflow as tf

from benchmarks.zoo.cases.case import Case, Program, case
from benchmarks.zoo.cases.public.images import clothes, only
from benchmarks.zoo.cases.recipe import compiled
from benchmarks.zoo.cases.report import nets, sources
from benchmarks.zoo.cases.report.plan import Plan, adam, unit
from benchmarks.zoo.cases.report.stepped import Stepped

layers = keras.layers


class Squared(Stepped):
    """A step that subtracts labels [B] from outputs [B, 1], which gives [B, B]."""

    def prepared(self, labels: tf.Tensor) -> tf.Tensor:
        """Returns the labels that are subtracted."""
        return labels

    def losses_of(self, labels: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Returns the squared errors."""
        return tf.square(self.prepared(tf.cast(labels, outputs.dtype)) - outputs)


class SquaredByRow(Squared):
    """The same with labels [B, 1]."""

    def prepared(self, labels: tf.Tensor) -> tf.Tensor:
        """Returns the labels that are subtracted."""
        return labels[:, tf.newaxis]


def broadcast(seed: int, broken: bool) -> Program:
    """Squared errors of every output to every label of a batch."""
    data = unit(only(clothes(seed, 3000, 1200), (2, 6)))
    network = nets.strided(head="sigmoid")(data.x.shape[1:], 1)
    model = (Squared if broken else SquaredByRow)(network)
    metric = keras.metrics.BinaryAccuracy(name="accuracy")
    compiled(model, keras.optimizers.Adam(1e-3), "mean_squared_error", (metric,))
    test = (data.tx, data.ty)
    return Program(model, (data.x, data.y), (data.vx, data.vy), test, epochs=15)


def frozen_convolutions(seed: int, broken: bool) -> Program:
    """Convolutions that were trained on other clothes, and stay as they are."""
    whole = clothes(seed, 4000, 1500)
    others, data = unit(only(whole, (1, 5, 7, 8, 9))), unit(only(whole, (0, 2, 4, 6)))
    base = keras.Sequential([keras.Input(data.x.shape[1:])])
    for filters in (16, 32):
        base.add(layers.Conv2D(filters, 3, 2, "same", activation="relu"))
    base.add(layers.GlobalAveragePooling2D())
    head = layers.Dense(others.classes, activation="softmax")
    model = compiled(keras.Sequential([base, head]))
    model.fit(others.x, others.y, epochs=6, verbose=0)
    base.trainable = not broken
    head = layers.Dense(data.classes, activation="softmax")
    model = compiled(keras.Sequential([base, head]), keras.optimizers.Adam(2e-3))
    test = (data.tx, data.ty)
    return Program(model, (data.x, data.y), (data.vx, data.vy), test, epochs=15)


def normalized(shape: tuple[int, ...], classes: int) -> keras.Model:
    """Convolutions with batch norm as it is by default."""
    model = keras.Sequential([keras.Input(shape)])
    for filters in (12, 24):
        model.add(layers.Conv2D(filters, 3, 2))
        model.add(layers.BatchNormalization())
        model.add(layers.Activation("elu"))
    model.add(layers.Flatten())
    model.add(layers.Dense(48))
    model.add(layers.BatchNormalization())
    model.add(layers.Activation("elu"))
    model.add(layers.Dense(classes, activation="softmax"))
    return model


def _one_image(seed: int, broken: bool) -> Program:
    """Batch norm over batches of one image."""
    plan = Plan(lambda seed: clothes(seed, 1000), normalized, scale=unit, epochs=12)
    return plan.but(optimizer=adam(1e-3), batch=1 if broken else 32).program(seed)


def narrow(dropout: float) -> nets.Net:
    """Three layers that become narrower, with dropout before each."""

    def make(shape: tuple[int, ...], classes: int) -> keras.Model:
        model = keras.Sequential([keras.Input(shape), layers.Flatten()])
        for units in (48, 32, 20):
            model.add(layers.Dropout(dropout))
            model.add(layers.Dense(units, activation="relu"))
            model.add(layers.BatchNormalization(momentum=0.9))
        model.add(layers.Dense(classes, activation="softmax"))
        return model

    return make


def _dropout(seed: int, broken: bool) -> Program:
    plan = Plan(clothes, narrow(0.5 if broken else 0.0), scale=unit, epochs=15)
    return plan.but(optimizer=adam(2e-3)).program(seed)


def penalized(penalty: float) -> nets.Net:
    """Convolutions along a text, with a penalty on their weights."""

    def make(shape: tuple[int, ...], classes: int) -> keras.Model:
        model = keras.Sequential([keras.Input(shape), layers.Embedding(300, 24)])
        for width in (3, 7):
            convolution = layers.Conv1D(
                32,
                width,
                padding="same",
                activation="relu",
                kernel_regularizer=keras.regularizers.L2(penalty),
            )
            model.add(convolution)
        model.add(layers.MaxPooling1D(3))
        model.add(layers.Dropout(0.5))
        model.add(layers.Flatten())
        model.add(layers.Dense(classes, activation="softmax"))
        return model

    return make


def _penalty(seed: int, broken: bool) -> Program:
    plan = Plan(sources.topics, penalized(0.1 if broken else 0.0), epochs=12)
    return plan.but(optimizer=adam(1e-3)).program(seed)


CASES: tuple[Case, ...] = (
    case(
        "public: labels of another shape are subtracted",
        "https://github.com/tensorflow/tensorflow/issues/28901",
        "fashion",
        "wrong_variables|loss_output_mismatch",
        broadcast,
    ),
    case(
        "public: convolutions of other clothes, frozen",
        "https://github.com/ihciah/deep-fashion-retrieval/issues/1",
        "fashion",
        "frozen_weights",
        frozen_convolutions,
    ),
    case(
        "public: batch norm of one image",
        "https://github.com/keras-team/keras/issues/8837",
        "fashion",
        "train_eval_mismatch|batch_size_too_small",
        _one_image,
    ),
    case(
        "public: dropout before each of three layers",
        "https://stackoverflow.com/questions/54076090",
        "fashion",
        "over_regularized",
        _dropout,
    ),
    case(
        "public: a penalty of .1 on each convolution",
        "https://github.com/keras-team/keras/issues/7223",
        "topics",
        "over_regularized",
        _penalty,
    ),
)
