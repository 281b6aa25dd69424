"""Tests of framework/diagnose/measure/step_agreement.py."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from framework.data.split import Split
from framework.diagnose.checks.training.wrong_variables import WrongVariables
from framework.diagnose.core.measurement import NotApplicableError
from framework.diagnose.measure.step_agreement import StepAgreement
from framework.diagnose.programs.keras_data import Source
from framework.diagnose.programs.keras_program import KerasProgram

L = keras.layers
_SIZE = 32


def cross_entropy(model, x, y, outputs):
    return tf.reduce_mean(
        tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=outputs)
    )


def compiled_loss(model, x, y, outputs):
    return model.compute_loss(x=x, y=y, y_pred=outputs)


def as_it_is(gradients, weights):
    return gradients


class Stepped(keras.Sequential):
    """Trains by a step of its own: another loss, input or gradient."""

    def __init__(self, layers, loss, mapped=as_it_is, prepared=None, training=True):
        super().__init__(layers)
        self.step_loss, self.mapped = loss, mapped
        self.prepared, self.training = prepared, training

    def train_step(self, data):
        x, y = data
        if self.prepared:
            x, y = self.prepared(x, y)
        with tf.GradientTape() as tape:
            outputs = self(x, training=self.training)
            loss = self.step_loss(self, x, y, outputs)
        weights = self.trainable_variables
        gradients = self.mapped(tape.gradient(loss, weights), weights)
        self.optimizer.apply_gradients(zip(gradients, weights, strict=True))
        return {"loss": loss}


def layers(classes, dropout=0.0, l2=0.0, norm=False):
    penalty = keras.regularizers.L2(l2) if l2 else None
    middle = [L.BatchNormalization()] if norm else []
    middle += [L.Dropout(dropout)] if dropout else []
    return [
        keras.Input((8, 8, 1)),
        L.Rescaling(1 / 255),
        L.Flatten(),
        L.Dense(32, "relu", kernel_regularizer=penalty),
        *middle,
        L.Dense(classes),
    ]


def smoothed(model, x, y, outputs):
    targets = 0.9 * tf.one_hot(y, 10) + 0.01
    return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(targets, outputs))


def focal(model, x, y, outputs):
    each = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=outputs)
    return tf.reduce_mean((1 - tf.exp(-each)) ** 2 * each)


def soft(model, x, y, outputs):
    return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(y, outputs))


def penalized(model, x, y, outputs):
    """An auxiliary loss: logits are kept small (the z-loss of language models)."""
    logs = tf.reduce_logsumexp(outputs, axis=1)
    return cross_entropy(model, x, y, outputs) + 0.01 * tf.reduce_mean(logs**2)


def mixed(x, y):
    """Mixes pairs (mixup) with Uniform(0, 1), as Beta(1, 1) is."""
    order = tf.random.shuffle(tf.range(tf.shape(x)[0]))
    share = tf.random.uniform([])
    x, targets = tf.cast(x, tf.float32), tf.one_hot(y, 10)
    return (
        share * x + (1 - share) * tf.gather(x, order),
        share * targets + (1 - share) * tf.gather(targets, order),
    )


def noisy(x, y):
    x = tf.cast(x, tf.float32)
    return x + tf.random.normal(tf.shape(x), stddev=40.0), y


def clipped(gradients, weights):
    return tf.clip_by_global_norm(gradients, 0.01)[0]


def clipped_each(gradients, weights):
    return [tf.clip_by_norm(each, 0.01) for each in gradients]


def clipped_values(gradients, weights):
    return [tf.clip_by_value(each, -1e-3, 1e-3) for each in gradients]


def decayed(gradients, weights):
    return [g + 1e-4 * w for g, w in zip(gradients, weights, strict=True)]


def by_layer(gradients, weights):
    return [g * 0.1**place for place, g in enumerate(gradients)]


FOLLOWING = {
    "cross-entropy": lambda: Stepped(layers(10), cross_entropy),
    "compiled loss": lambda: Stepped(layers(10, l2=0.01), compiled_loss),
    "dropout": lambda: Stepped(layers(10, dropout=0.5), cross_entropy),
    "batch norm": lambda: Stepped(layers(10, norm=True), cross_entropy),
    "evaluation mode": lambda: Stepped(
        layers(10, norm=True), cross_entropy, training=False
    ),
    "global norm": lambda: Stepped(layers(10), cross_entropy, clipped),
    "norms": lambda: Stepped(layers(10), cross_entropy, clipped_each),
    "values": lambda: Stepped(layers(10), cross_entropy, clipped_values),
    "weight decay": lambda: Stepped(layers(10), cross_entropy, decayed),
    "rates by layer": lambda: Stepped(layers(10), cross_entropy, by_layer),
    "label smoothing": lambda: Stepped(layers(10), smoothed),
    "auxiliary loss": lambda: Stepped(layers(10), penalized),
    "focal loss": lambda: Stepped(layers(10), focal),
    "mixup": lambda: Stepped(layers(10), soft, prepared=mixed),
    "noise": lambda: Stepped(layers(10), cross_entropy, prepared=noisy),
}


def broadcast(model, x, y, outputs):
    """[B] less [B, 1] is [B, B]."""
    return tf.reduce_mean((tf.cast(y, tf.float32) - tf.sigmoid(outputs)) ** 2)


def broadcast_entropy(model, x, y, outputs):
    y = tf.cast(y, tf.float32)
    chances = tf.clip_by_value(tf.sigmoid(outputs), 1e-6, 1 - 1e-6)
    return -tf.reduce_mean(
        y * tf.math.log(chances) + (1 - y) * tf.math.log(1 - chances)
    )


def forgotten(model, x, y, outputs):
    """Cross-entropy of two classes, without the term of the other class."""
    y = tf.reshape(tf.cast(y, tf.float32), [-1, 1])
    return -tf.reduce_mean(y * tf.math.log_sigmoid(outputs))


def over_batch(model, x, y, outputs):
    """Softmax over the batch in place of the classes."""
    logs = tf.nn.log_softmax(outputs, axis=0)
    return -tf.reduce_mean(tf.reduce_sum(tf.one_hot(y, 10) * logs, axis=1))


def of_means(model, x, y, outputs):
    """Cross-entropy of the mean outputs and the mean labels of a batch."""
    targets = tf.reduce_mean(tf.one_hot(y, 10), axis=0)
    logs = tf.nn.log_softmax(tf.reduce_mean(outputs, axis=0))
    return -tf.reduce_sum(targets * logs)


def next_labels(model, x, y, outputs):
    return cross_entropy(model, x, tf.roll(y, 1, axis=0), outputs)


OTHER = {
    "broadcast": lambda: Stepped(layers(1), broadcast),
    "broadcast entropy": lambda: Stepped(layers(1), broadcast_entropy),
    "forgotten term": lambda: Stepped(layers(1), forgotten),
    "softmax over the batch": lambda: Stepped(layers(10), over_batch),
    "means of a batch": lambda: Stepped(layers(10), of_means),
    "labels of others": lambda: Stepped(layers(10), next_labels),
}


def program(model, scans, epochs=2):
    """Returns a program that has trained for a while, and its split."""
    keras.utils.set_random_seed(0)
    labels = scans.train.labels
    if model.output_shape[-1] == 1:
        labels, loss = labels % 2, keras.losses.BinaryCrossentropy(from_logits=True)
    else:
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(3e-3), loss, jit_compile=False)
    split = Split(scans.train.images, labels)
    result = KerasProgram(model, Source((split.images, labels), _SIZE))
    for epoch in range(epochs):
        order = np.random.default_rng(epoch).permutation(len(labels))
        result.loop.train(split.images, labels, order, _SIZE)
    return result, split


@pytest.fixture
def measured(context, scans):
    """Measures a model."""

    def measure(model):
        made, split = program(model, scans)
        return context(split, split, program=made).measurements

    return measure


def rows(table, usual):
    """Returns the names of a table; those that are not usual take long."""
    return [
        name if name in usual else pytest.param(name, marks=pytest.mark.slow)
        for name in table
    ]


@pytest.mark.extended
@pytest.mark.parametrize(
    "name", rows(FOLLOWING, ("dropout", "values", "label smoothing", "mixup"))
)
def test_steps_that_follow_the_loss(measured, name):
    result = measured(FOLLOWING[name]())
    assert WrongVariables().suspect(result) is None, result.get(StepAgreement)


@pytest.mark.extended
@pytest.mark.parametrize(
    "name", rows(OTHER, ("broadcast", "forgotten term", "softmax over the batch"))
)
def test_steps_that_follow_another(measured, name):
    result = measured(OTHER[name]())
    suspicion = WrongVariables().suspect(result)
    assert not suspicion.is_certain
    assert suspicion.intervention.differences() == {"keras_step": True}
    assert "follows another loss than the compiled one" in suspicion.message


def test_the_plain_step_is_not_measured(measured):
    assert measured(keras.Sequential(layers(10))).find(StepAgreement) is None


def test_a_model_without_a_loss_is_not_measured(scans):
    """As a GAN's, whose step has losses and optimizers of its own."""
    model = Stepped(layers(10), cross_entropy)
    model.compile("adam", jit_compile=False)
    made = KerasProgram(model, Source((scans.train.images, scans.train.labels), 8))
    with pytest.raises(NotApplicableError, match="the model has no loss to compute"):
        made.step_gradients(scans.train.take(np.arange(8)), True, 0, True)


@pytest.mark.extended
def test_optimizers_of_its_own_are_replaced(measured):
    """One for each half of the weights, of which one is known to its step alone."""

    class Halves(Stepped):
        def train_step(self, data):
            x, y = data
            with tf.GradientTape() as tape:
                loss = cross_entropy(self, x, y, self(x, training=True))
            weights = self.trainable_variables
            gradients = tape.gradient(loss, weights)
            for optimizer, half in (
                (self.optimizer, slice(2)),
                (self.other, slice(2, None)),
            ):
                pairs = zip(gradients[half], weights[half], strict=True)
                optimizer.apply_gradients(pairs)
            return {"loss": loss}

    model = Halves(layers(10), cross_entropy)
    model.other = keras.optimizers.Adam(1e-3)
    agreement = measured(model).get(StepAgreement)
    assert agreement.lowest.value == pytest.approx(1, abs=1e-6)
    assert isinstance(model.other, keras.optimizers.Adam)
