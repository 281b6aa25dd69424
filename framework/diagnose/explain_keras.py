"""Diagnoses any compiled Keras model."""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from framework.data.dataset import Split
from framework.diagnose import recorder
from framework.diagnose.audit import galleries_of
from framework.diagnose.core.context import DiagnosisContext, sample, sampled
from framework.diagnose.core.settings import TrainingSettings
from framework.diagnose.diagnosis import diagnose
from framework.diagnose.programs import keras_mended
from framework.diagnose.programs.keras_data import Source
from framework.diagnose.programs.keras_program import KerasProgram
from framework.diagnose.programs.metric_names import named
from framework.diagnose.programs.untouched import Untouched
from framework.diagnose.report.diagnosis import Diagnosis
from framework.errors import UsageError
from framework.numerics import labels as labels_lib
from framework.numerics.metrics import Predictions
from framework.report.history import Row

# Steps at which a schedule is evaluated.
_RATES = 50


def explain(
    model: keras.Model,
    train: Any,
    validation: Any,
    *,
    epochs: int = 1,
    batch_size: int = 32,
    shuffle: bool = True,
    steps_per_epoch: int = 0,
    watched: str = "",
    test: Any = None,
    budget: float | str = 1.0,
    progress: Callable[[str], None] = lambda name: None,
) -> Diagnosis:
    """Trains a model as `fit` would, and diagnoses it.

    The model is restored afterwards. A model that has been trained is trained further,
    unless that training was recorded; see `watched`.

    Args:
        model: A compiled model; its own `train_step` and loss are used.
        train: Data as for `fit`: (x, y), a batched tf.data.Dataset, a
            keras.utils.PyDataset, or a generator of batches.
        validation: The `validation_data` of `fit`, of the same kinds.
        epochs: As in `fit`, like the next three.
        batch_size: Of arrays.
        shuffle: Of arrays, anew in each epoch.
        steps_per_epoch: Batches of an epoch, for data without an end.
        watched: The folder of a `Watch` that has recorded how this model was trained:
            then it is not trained anew.
        test: The untouched test part, arrays (x, y) like those of training, for a later
            proof of a remedy. Only their shapes are read.
        budget: How much trials may train, as a multiple of this training, or "60s":
            then no trial is started that would end later than that after training.
        progress: Called with a line about each step.

    Raises:
        UsageError: The model is not compiled, or the data are not of these kinds.
    """
    if not isinstance(model, keras.Model) or not getattr(model, "compiled", False):
        raise UsageError(
            "explain needs a compiled keras.Model; call model.compile with optimizer "
            "and loss first"
        )
    source = Source(train, batch_size, shuffle, steps_per_epoch)
    held_out = Source(validation, batch_size, shuffle=False)
    source.outputs = held_out.outputs = _outputs(model, source.arrays[0])
    num_classes = _num_classes(model, source, held_out)
    program = KerasProgram(model, source)
    if test is not None:
        program.test = Untouched(test, source.arrays)
    with program.as_before():
        seconds = 0.0
        if watched:
            rows, predictions = _watched(program, held_out, watched)
        else:
            start = time.monotonic()
            rows, predictions = _train(program, source, held_out, epochs, progress)
            seconds = time.monotonic() - start
        context = _context(program, source, held_out, rows, predictions, num_classes)
        settings = dataclasses.replace(context.settings, seconds=seconds)
        context = dataclasses.replace(context, settings=settings)
        mended = functools.partial(keras_mended.mended, program, source, context)
        context = dataclasses.replace(context, mended=mended)
        diagnosis = diagnose(context, budget, progress)
    return dataclasses.replace(
        diagnosis, galleries=functools.partial(galleries_of, context)
    )


def _train(
    program: KerasProgram,
    source: Source,
    held_out: Source,
    epochs: int,
    progress: Callable[[str], None],
) -> tuple[list[Row], list[Predictions]]:
    """Trains; returns the reported metrics and the predictions of each epoch."""
    rows, predictions = [], []
    per_epoch = -(-len(source.arrays[0]) // source.batch_size)
    for epoch in range(epochs):
        progress(f"training epoch {epoch + 1} of {epochs}")
        x, y = source.epoch()
        order = source.order(epoch, len(x))
        trained = program.loop.train(x, y, order, source.batch_size)
        x, y = held_out.epoch()
        tested = program.loop.test(x, y, held_out.batch_size)
        rate = program.model.optimizer.learning_rate
        rows.append(
            {
                "step": (epoch + 1) * per_epoch,
                "epoch": epoch + 1.0,
                "learning_rate": float(rate),
                **named("train", trained),
                **named("validation", tested),
            }
        )
        predictions.append(program.loop.predictions(x, labels_lib.classes(y)))
    program.finish()
    return rows, predictions


def _watched(
    program: KerasProgram, held_out: Source, folder: str
) -> tuple[list[Row], list[Predictions]]:
    """Returns the metrics and predictions of a recorded training."""
    rows, predictions, first = recorder.recorded(folder)
    program.begin_with(first)
    if not predictions:
        x, y = held_out.arrays
        predictions = [program.loop.predictions(x, labels_lib.classes(y))]
    return rows, predictions


def _outputs(model: keras.Model, x: np.ndarray) -> int:
    """Returns how many outputs a model has."""
    return int(model(x[:1].astype(np.float32), training=False).shape[-1])


def _num_classes(model: keras.Model, source: Source, held_out: Source) -> int:
    """Returns how many classes there are, by labels and outputs."""
    labels = np.concatenate(
        [labels_lib.classes(each.arrays[1]) for each in (source, held_out)]
    )
    return max(int(labels.max(initial=0)) + 1, 2)


def _context(
    program: KerasProgram,
    source: Source,
    held_out: Source,
    rows: list[Row],
    predictions: list[Predictions],
    num_classes: int,
) -> DiagnosisContext:
    splits = {}
    for name, each in (("train", source), ("validation", held_out)):
        x, y = each.arrays
        labels = np.clip(labels_lib.classes(y), 0, num_classes - 1).astype(np.int32)
        splits[name] = sample(Split(x, labels), np.arange(len(x)))
    program.train_images = splits["train"].images
    program.validation_images = splits["validation"].images
    x, y = source.arrays
    labels = labels_lib.classes(y)
    return DiagnosisContext(
        class_names=tuple(map(str, range(num_classes))),
        train=splits["train"],
        dev=splits["train"].take(np.arange(0)),
        validation=splits["validation"],
        labels={"train": y, "validation": held_out.arrays[1]},
        first_epoch_labels=None if source.shuffle else labels,
        program=program,
        rows=rows,
        predictions=predictions,
        settings=_settings(program, source, held_out, rows),
        train_rows=sampled(np.arange(len(x))),
    )


def _settings(
    program: KerasProgram, source: Source, held_out: Source, rows: list[Row]
) -> TrainingSettings:
    optimizer = program.model.optimizer
    count = len(source.arrays[0])
    per_epoch = -(-count // source.batch_size)
    return TrainingSettings(
        batch_size=source.batch_size,
        train_images=count,
        steps_per_epoch=per_epoch,
        epochs=len(rows),
        learning_rate=float(optimizer.learning_rate),
        highest_rate=_highest_rate(optimizer, len(rows) * per_epoch),
        optimizer=optimizer.name,
        weight_decay=float(optimizer.weight_decay or 0.0),
        validation_is_random=held_out.is_random,
        validation_is_reshuffled=held_out.is_reshuffled_with(source),
    )


def _highest_rate(optimizer: keras.optimizers.Optimizer, steps: int) -> float:
    """Returns the highest learning rate within a number of steps."""
    schedule = optimizer._learning_rate
    if not isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
        return float(optimizer.learning_rate)
    places = np.unique(np.geomspace(1, steps, _RATES).astype(int)) - 1
    return max(float(schedule(tf.constant(int(place)))) for place in places)
