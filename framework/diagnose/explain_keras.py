"""Diagnoses any compiled Keras model."""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

import keras
import numpy as np

from framework.data.split import Split
from framework.diagnose import recorder
from framework.diagnose.audit import galleries_of
from framework.diagnose.core.context import DiagnosisContext, sample, sampled
from framework.diagnose.core.settings import TrainingSettings
from framework.diagnose.diagnosis import diagnose
from framework.diagnose.programs import keras_mended, keras_optimizers
from framework.diagnose.programs.keras_callbacks import Callbacks
from framework.diagnose.programs.keras_copy import one_device
from framework.diagnose.programs.keras_data import Source, divided
from framework.diagnose.programs.keras_program import KerasProgram
from framework.diagnose.programs.metric_names import named, weighted_names
from framework.diagnose.programs.untouched import Untouched
from framework.diagnose.report.diagnosis import Diagnosis
from framework.errors import UsageError
from framework.numerics import labels as labels_lib
from framework.numerics.metrics import Predictions
from framework.report.history import Row


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
        budget: How much trials may train, as a multiple of this training, or "60s":
            then no trial is started that would end later than that after training.
        progress: Called with a line about each step.

    Raises:
        UsageError: The model is not compiled, or has several inputs or outputs; the
            data are not of these kinds; or an argument cannot be used as in `fit`.
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
    evaluated = _evaluated(initial_epoch, epochs, validation_freq)
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
    num_classes = _num_classes(model, source, held_out)
    program = KerasProgram(model, source)
    if test is not None:
        program.test = Untouched(test, source.arrays)
    # Callbacks may change it.
    initial_rate = keras_optimizers.rate(model.optimizer)
    with program.as_before():
        if watched:
            training = _watched(program, held_out, watched)
        else:
            steps = -(-len(source.arrays[0]) // source.batch_size)
            called = Callbacks(callbacks, model, epochs, steps)
            epoch_numbers = range(initial_epoch, epochs)
            training = _train(
                program, source, held_out, called, epoch_numbers, evaluated, progress
            )
        context = _context(program, source, held_out, training, num_classes)
        if training.rates:
            settings = dataclasses.replace(context.settings, learning_rate=initial_rate)
            context = dataclasses.replace(context, settings=settings)
        mended = functools.partial(keras_mended.mended, program, source, context)
        context = dataclasses.replace(context, mended=mended)
        diagnosis = diagnose(context, budget, progress)
    return dataclasses.replace(
        diagnosis, galleries=functools.partial(galleries_of, context)
    )


@dataclasses.dataclass(frozen=True)
class _Training:
    """What is known of a training.

    Attributes:
        rows: The reported metrics of each evaluation.
        predictions: The predictions of each evaluation.
        epochs: Its length.
        seconds: How long it took; 0 if that is not known.
        rates: The learning rates that callbacks have set, by epoch; empty for none.
        patience: Epochs without progress that end it; 0 for never.
    """

    rows: list[Row]
    predictions: list[Predictions]
    epochs: float
    seconds: float = 0.0
    rates: tuple[float, ...] = ()
    patience: int = 0


def _evaluated(
    initial_epoch: int, epochs: int, frequency: int | Collection[int]
) -> frozenset[int]:
    """Returns the epochs after which to evaluate, counted from 0.

    Raises:
        UsageError: There are none.
    """
    numbers = range(initial_epoch, epochs)
    if isinstance(frequency, Collection):
        result = frozenset(each for each in numbers if each + 1 in frequency)
    else:
        result = frozenset(each for each in numbers if (each + 1) % frequency == 0)
    if not result:
        raise UsageError(
            f"there is nothing to explain: no epoch is evaluated with epochs={epochs}, "
            f"initial_epoch={initial_epoch} and validation_freq={frequency}"
        )
    return result


def _train(
    program: KerasProgram,
    source: Source,
    held_out: Source,
    callbacks: Callbacks,
    epochs: range,
    evaluated: Collection[int],
    progress: Callable[[str], None],
) -> _Training:
    """Trains; returns the reported metrics and the predictions of each epoch."""
    rows: list[Row] = []
    predictions, rates, done = [], [], 0
    start, optimizer = time.monotonic(), program.model.optimizer
    per_epoch = -(-len(source.arrays[0]) // source.batch_size)
    with callbacks.training():
        for epoch in epochs:
            progress(f"training epoch {epoch + 1} of {epochs.stop}")
            examples = source.epoch()
            order = source.order(epoch, len(examples.x))
            callbacks.begin_epoch(epoch)
            rates.append(keras_optimizers.rate(optimizer))
            logs = callbacks.train(program.loop, examples, order, source.batch_size)
            done += 1
            metrics = named("train", logs, _weighted(program, source))
            if epoch in evaluated:
                x, y, weights = held_out.epoch()
                with callbacks.testing():
                    tested = program.loop.test(x, y, held_out.batch_size, weights)
                    predictions.append(
                        program.loop.predictions(x, labels_lib.classes(y))
                    )
                names = _weighted(program, held_out)
                row: Row = {
                    "step": done * per_epoch,
                    "epoch": float(done),
                    "learning_rate": keras_optimizers.rate(optimizer),
                    **metrics,
                    **named("validation", tested, names),
                }
                rows.append(row)
                logs = logs | {f"val_{name}": each for name, each in tested.items()}
            callbacks.end_epoch(epoch, logs)
            if callbacks.has_stopped:
                break
        program.finish()
    if not rows:
        raise UsageError("callbacks have ended training before its first evaluation")
    has_rates = callbacks.are_any and len(set(rates)) > 1
    if has_rates and keras_optimizers.rate_variable(optimizer) is not None:
        program.epoch_rates = rates
    seconds = time.monotonic() - start
    return _Training(
        rows,
        predictions,
        float(done),
        seconds,
        tuple(program.epoch_rates),
        callbacks.patience,
    )


def _weighted(program: KerasProgram, source: Source) -> set[str]:
    return set() if source.weights is None else weighted_names(program.model)


def _watched(program: KerasProgram, held_out: Source, folder: str) -> _Training:
    """Returns the metrics and predictions of a recorded training."""
    rows, predictions, first = recorder.recorded(folder)
    program.begin_with(first)
    if not predictions:
        x, y = held_out.arrays
        predictions = [program.loop.predictions(x, labels_lib.classes(y))]
    return _Training(rows, predictions, float(len(rows)))


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
    training: _Training,
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
        rows=training.rows,
        predictions=training.predictions,
        settings=_settings(program, source, held_out, training),
        weights={
            name: each.weights
            for name, each in (("train", source), ("validation", held_out))
            if each.weights is not None
        },
        train_rows=sampled(np.arange(len(x))),
    )


def _settings(
    program: KerasProgram, source: Source, held_out: Source, training: _Training
) -> TrainingSettings:
    optimizer = program.model.optimizer
    own = keras_optimizers.inner(optimizer)
    count = len(source.arrays[0])
    per_epoch = -(-count // source.batch_size)
    steps = round(training.epochs * per_epoch)
    highest = keras_optimizers.highest_rate(optimizer, steps)
    return TrainingSettings(
        batch_size=source.batch_size,
        train_images=count,
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
