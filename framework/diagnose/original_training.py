"""The original training of a Keras model: done as `fit` does it, or recorded."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Collection

from framework.diagnose import recorder
from framework.diagnose.programs import keras_optimizers
from framework.diagnose.programs.keras_callbacks import Callbacks
from framework.diagnose.programs.keras_data import Source
from framework.diagnose.programs.keras_program import KerasProgram
from framework.diagnose.programs.metric_names import named, weighted_names
from framework.errors import UsageError
from framework.numerics import labels as labels_lib
from framework.numerics.metrics import Predictions
from framework.report.history import Row


@dataclasses.dataclass(frozen=True)
class OriginalTraining:
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


def evaluated_epochs(
    initial_epoch: int, epochs: int, frequency: int | Collection[int]
) -> frozenset[int]:
    """Returns the epochs after which to evaluate, counted from 0.

    Args:
        initial_epoch: The number of epochs before the first one.
        epochs: The number of the last epoch.
        frequency: Epochs between evaluations, or the epochs to evaluate after.

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


def train(
    program: KerasProgram,
    source: Source,
    held_out: Source,
    callbacks: Callbacks,
    epochs: range,
    evaluated: Collection[int],
    progress: Callable[[str], None],
) -> OriginalTraining:
    """Trains a model, its callbacks included.

    Args:
        program: The model; changed.
        source: The training data.
        held_out: The validation data.
        callbacks: Of the user.
        epochs: Their numbers, counted from 0.
        evaluated: The epochs after which to evaluate.
        progress: Called with a line about each epoch.

    Raises:
        UsageError: Callbacks have ended training before its first evaluation.
    """
    rows: list[Row] = []
    predictions, rates, done = [], [], 0
    start, optimizer = time.monotonic(), program.model.optimizer
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
                    "step": done * source.steps_per_epoch,
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
    return OriginalTraining(
        rows,
        predictions,
        float(done),
        seconds,
        tuple(program.epoch_rates),
        callbacks.patience,
    )


def _weighted(program: KerasProgram, source: Source) -> set[str]:
    return set() if source.weights is None else weighted_names(program.model)


def recorded(program: KerasProgram, held_out: Source, folder: str) -> OriginalTraining:
    """Returns a training that a `Watch` has recorded.

    Args:
        program: The model; its initial weights become those of the recording.
        held_out: The validation data.
        folder: Of the recording.

    Raises:
        UsageError: The recording is of another model.
    """
    rows, predictions, first = recorder.recorded(folder)
    program.state.begin_with(first)
    if not predictions:
        x, y = held_out.arrays
        predictions = [program.loop.predictions(x, labels_lib.classes(y))]
    return OriginalTraining(rows, predictions, float(len(rows)))
