"""Edits a compiled Keras model: its layers, loss, step and optimizer; all is undone."""

from __future__ import annotations

import contextlib
import functools
import types
from collections.abc import Iterator

import keras
import tensorflow as tf

from framework.diagnose.core.intervention import Intervention
from framework.diagnose.programs import model_edits
from framework.diagnose.programs.keras_optimizers import changed_optimizer


@contextlib.contextmanager
def changed(
    model: keras.Model, intervention: Intervention
) -> Iterator[tuple[keras.Model, keras.optimizers.Optimizer]]:
    """Changes a model for as long as it is entered.

    Args:
        model: Compiled; its weights are left to the caller.
        intervention: What is different.

    Yields:
        The model to train, which may be another one with the same layers, and a new
        optimizer for it.

    Raises:
        NotApplicableError: The model has nothing to change so.
    """
    with model_edits.changed(model, intervention) as other:
        optimizer = changed_optimizer(model.optimizer, intervention)
        with _compiled(model, other, optimizer, intervention):
            yield other, optimizer


@contextlib.contextmanager
def _compiled(
    model: keras.Model,
    other: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    intervention: Intervention,
) -> Iterator[None]:
    """Gives a model another loss, step and optimizer for as long as it is entered."""
    own = vars(other)
    kept = {name: own.get(name) for name in ("compute_loss", "train_step")}
    try:
        if other is not model:
            weights = getattr(model._compile_loss, "_user_loss_weights", None)
            other.compile(optimizer, model.loss, loss_weights=weights)
        if intervention.consistent_loss:
            own["compute_loss"] = functools.partial(_cross_entropy, other)
        if intervention.consistent_loss or intervention.keras_step:
            own["train_step"] = types.MethodType(keras.Model.train_step, other)
        optimizer.build(other.trainable_variables)
        yield
    finally:
        for name, value in kept.items():
            own.pop(name, None)
            if value is not None:
                own[name] = value


def _cross_entropy(
    model: keras.Model,
    x: tf.Tensor = None,
    y: tf.Tensor = None,
    y_pred: tf.Tensor = None,
    sample_weight: tf.Tensor | None = None,
    *_: object,
    **__: object,
) -> tf.Tensor:
    """Returns the mean cross-entropy of logits, plus the penalties of layers."""
    if y.shape.rank > 1 and y.shape[-1] > 1:
        labels = tf.argmax(y, axis=-1)
    else:
        labels = tf.cast(tf.reshape(y, [-1]), tf.int64)
    logits = tf.cast(y_pred, tf.float32)
    if logits.shape[-1] == 1:
        logits = tf.concat([tf.zeros_like(logits), logits], axis=-1)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    if sample_weight is not None:
        losses *= tf.cast(tf.reshape(sample_weight, [-1]), tf.float32)
    return tf.reduce_mean(losses) + sum(model.losses)
