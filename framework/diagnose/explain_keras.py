"""Diagnoses any compiled Keras model."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Collection, Mapping
from typing import Any

import keras
import numpy as np

from framework.diagnose import original_training
from framework.diagnose.array_context import array_context
from framework.diagnose.audit import galleries_of
from framework.diagnose.core import embedding as embedding_lib
from framework.diagnose.core.settings import TrainingSettings
from framework.diagnose.diagnosis import diagnose
from framework.diagnose.original_training import OriginalTraining
from framework.diagnose.programs import keras_mended, keras_optimizers
from framework.diagnose.programs.keras_batches import Examples
from framework.diagnose.programs.keras_callbacks import Callbacks
from framework.diagnose.programs.keras_copy import one_device
from framework.diagnose.programs.keras_data import Source, divided
from framework.diagnose.programs.keras_program import KerasProgram
from framework.diagnose.programs.untouched import Untouched
from framework.diagnose.report.diagnosis import Diagnosis
from framework.errors import UsageError


def explain(
    model: keras.Model,
    train: Any,
    validation: Any = None,
    *,
    epochs: int = 1,
    batch_size: int | None = None,
    shuffle: bool | str = True,
    class_weight: Mapping[int, float] | None = None,
    sample_weight: Any = None,
    validation_split: float = 0.0,
    initial_epoch: int = 0,
    steps_per_epoch: int | None = None,
    validation_steps: int | None = None,
    validation_batch_size: int | None = None,
    validation_freq: int | Collection[int] = 1,
    callbacks: Any = None,
    watched: str = "",
    test: Any = None,
    embedding: Any = None,
    budget: float | str = 1.0,
    progress: Callable[[str], None] = lambda name: None,
) -> Diagnosis:
    """Trains a model as `fit` would, and diagnoses it.

    The model is restored afterwards. A model that has been trained is trained further,
    unless that training was recorded; see `watched`.

    Args:
        model: A compiled model with one input and one output; its own `train_step` and
            loss are used. One that was built under a distribution strategy is copied,
            and the copy is trained on one device.
        train: Data as for `fit`: arrays (x, y) or (x, y, sample_weight), a batched
            tf.data.Dataset, a keras.utils.PyDataset, or a generator of batches.
        validation: The `validation_data` of `fit`, of the same kinds.
        epochs: The number of the last epoch, as in `fit`, like all up to `callbacks`.
        batch_size: Of arrays; 32 if None.
        shuffle: Of arrays, and of the batches of a PyDataset, anew in each epoch.
        class_weight: By class number; those that are not in it have 1.
        sample_weight: [N], if `train` is a pair of arrays.
        validation_split: The fraction of the last training examples that are for
            validation, if `validation` is None.
        initial_epoch: The number of epochs before the first one.
        steps_per_epoch: Batches of an epoch, for data without an end.
        validation_steps: The same of `validation`.
        validation_batch_size: Of arrays; `batch_size` if None.
        validation_freq: Epochs between evaluations, or the epochs to evaluate after.
        callbacks: A callback or a list of them. They are called in the training, and
            not in trials; but trials have the learning rates that they have set.
        watched: The folder of a `Watch` that has recorded how this model was trained:
            then it is not trained anew.
        test: The untouched test part, arrays (x, y) like those of training, for a later
            proof of a remedy. Only their shapes are read.
        embedding: A Keras model or a function of arrays, from images as they are given
            to features [B, D], by which labels and shifts are judged.
        budget: How much trials may train, as a multiple of this training, or "60s":
            then no trial is started that would end later than that after training.
        progress: Called with a line about each step.

    Raises:
        UsageError: The model is not compiled, or has several inputs or outputs; the
            data are not of these kinds; an argument cannot be used as in `fit`; or the
            embedding cannot take the images.
    """
    if not isinstance(model, keras.Model) or not getattr(model, "compiled", False):
        raise UsageError(
            "explain needs a compiled keras.Model; call model.compile with optimizer "
            "and loss first"
        )
    if validation is None:
        if not validation_split:
            raise UsageError("explain needs validation=(x, y), or validation_split=.2")
        train, validation = divided(train, validation_split, sample_weight)
        sample_weight = None
    elif validation_split:
        raise UsageError("give validation or validation_split, not both")
    evaluated = original_training.evaluated_epochs(
        initial_epoch, epochs, validation_freq
    )
    model = one_device(model)
    source = Source(
        train, batch_size, shuffle, steps_per_epoch or 0, sample_weight, class_weight
    )
    held_out = Source(
        validation,
        validation_batch_size or batch_size,
        shuffle=False,
        steps=validation_steps or 0,
    )
    source.outputs = held_out.outputs = _outputs(model, source.arrays[0])
    features = embedding_lib.given(embedding, source.arrays[0])
    program = KerasProgram(model, source)
    if test is not None:
        program.test = Untouched(test, source.arrays)
    # Callbacks may change it.
    initial_rate = keras_optimizers.rate(model.optimizer)
    with program.state.restoring():
        if watched:
            training = original_training.recorded(program, held_out, watched)
        else:
            called = Callbacks(callbacks, model, epochs, source.steps_per_epoch)
            epoch_numbers = range(initial_epoch, epochs)
            training = original_training.train(
                program, source, held_out, called, epoch_numbers, evaluated, progress
            )
        settings = _settings(program, source, held_out, training)
        if training.rates:
            settings = dataclasses.replace(settings, learning_rate=initial_rate)
        context = array_context(
            program,
            Examples(*source.arrays, source.weights),
            Examples(*held_out.arrays, held_out.weights),
            training.rows,
            training.predictions,
            settings,
            is_ordered=not source.shuffle,
        )
        mended = functools.partial(keras_mended.mended, program, source, context)
        context = dataclasses.replace(context, mended=mended, embedding=features)
        diagnosis = diagnose(context, budget, progress)
    return dataclasses.replace(
        diagnosis, galleries=functools.partial(galleries_of, context)
    )


def _outputs(model: keras.Model, x: np.ndarray) -> int:
    """Returns how many outputs a model has.

    Raises:
        UsageError: It has several inputs, or its output is no single tensor [N, U].
    """
    inputs = getattr(model, "_inputs", None) or getattr(model, "inputs", None) or ()
    if len(inputs) > 1:
        raise UsageError(
            f"the model has {len(inputs)} inputs; explain takes a model with one input "
            f"and one output"
        )
    outputs = model(x[:1].astype(np.float32), training=False)
    if not hasattr(outputs, "shape") or len(outputs.shape) < 2:
        raise UsageError(
            f"the model returns a {type(outputs).__name__}, not a tensor [N, classes]; "
            f"explain takes a model with one input and one output"
        )
    return int(outputs.shape[-1])


def _settings(
    program: KerasProgram, source: Source, held_out: Source, training: OriginalTraining
) -> TrainingSettings:
    optimizer = program.model.optimizer
    own = keras_optimizers.inner(optimizer)
    per_epoch = source.steps_per_epoch
    steps = round(training.epochs * per_epoch)
    highest = keras_optimizers.highest_rate(optimizer, steps)
    return TrainingSettings(
        batch_size=source.batch_size,
        train_images=len(source.arrays[0]),
        steps_per_epoch=per_epoch,
        epochs=training.epochs,
        learning_rate=keras_optimizers.rate(optimizer),
        highest_rate=max([highest, *training.rates]),
        optimizer=own.name,
        weight_decay=float(own.weight_decay or 0.0),
        early_stopping=training.patience,
        seconds=training.seconds,
        has_rate_callback=bool(training.rates),
        has_loss_scale=own is not optimizer,
        validation_is_random=held_out.is_random,
        validation_is_reshuffled=held_out.is_reshuffled_with(source),
    )
