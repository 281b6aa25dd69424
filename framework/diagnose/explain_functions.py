"""Diagnoses a training loop of any kind through three functions."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from framework.diagnose.array_context import array_context
from framework.diagnose.audit import galleries_of
from framework.diagnose.core import embedding as embedding_lib
from framework.diagnose.core.settings import TrainingSettings
from framework.diagnose.diagnosis import diagnose
from framework.diagnose.programs.keras_batches import Examples, checked
from framework.diagnose.programs.keras_loop import predictions_of
from framework.diagnose.programs.loop_functions import LoopFunctions
from framework.diagnose.programs.loop_program import LoopProgram
from framework.diagnose.report.diagnosis import Diagnosis
from framework.errors import UsageError
from framework.numerics import labels as labels_lib
from framework.numerics.metrics import Predictions
from framework.report.history import Row

# A batch where nobody says otherwise; only the length of short trials depends on it.
_BATCH = 32
_TRAIN = ("model", "data", "epochs")


def explain_loop(
    *,
    build: Callable[..., Any],
    train: Callable[..., Any],
    predict: Callable[..., Any],
    train_data: Any,
    validation_data: Any,
    epochs: int = 1,
    seed: int = 0,
    reported: Sequence[float | Mapping[str, float]] | None = None,
    trained: Any = None,
    embedding: Any = None,
    budget: float | str = 1.0,
    progress: Callable[[str], None] = lambda name: None,
) -> Diagnosis:
    """Trains with a loop of any kind, and diagnoses it; NumPy in, NumPy out.

    Args:
        build: `build(seed)` returns a model before its first step; `seed` is optional.
        train: `train(model, data, epochs)` trains it on `data`, a pair of arrays like
            `train_data`; returns the model, or None if it is trained in place. What a
            trial can change is what it names in its signature: learning_rate,
            batch_size, weight_decay, dropout, clip_norm, shuffle, augment, seed;
            defaults are the values of the original training. If it names
            `after_epoch`, it must call `after_epoch(model)` after each epoch, and the
            diagnosis has a curve. `build` can name such changes as well.
        predict: `predict(model, images)` returns logits or probabilities, [N, classes];
            with `training=False` in its signature, it can be called in training mode.
        train_data: Arrays (x, y): [N, ...], and classes [N] or one-hot [N, K].
        validation_data: Such a pair.
        epochs: Of the original training.
        seed: Of the original training; trials have the same, so that they are paired.
        reported: The validation accuracies that the loop reports, or dictionaries with
            "accuracy" and "loss" (cross-entropy): a list to which `train` appends one
            an epoch; or, with `trained`, those of that training.
        trained: The model of a training that is over; then it is not trained anew.
        embedding: A function of arrays or a Keras model, from images as they are given
            to features [B, D], by which labels and shifts are judged.
        budget: How much trials may train, as a multiple of this training, or "60s".
        progress: Called with a line about each step.

    Raises:
        UsageError: A function cannot be called so, or the data are not of these kinds.
    """
    functions = LoopFunctions(build, train, predict)
    _check(functions)
    data, held_out = (
        _arrays(name, each)
        for name, each in (
            ("train_data", train_data),
            ("validation_data", validation_data),
        )
    )
    features = embedding_lib.given(embedding, data.x)
    rate, size, decay = (
        float(functions.default(name) or 0.0)
        for name in ("learning_rate", "batch_size", "weight_decay")
    )
    batch_size = round(size) or _BATCH
    program = LoopProgram(functions, (data.x, data.y), seed, rate, batch_size)
    evaluations: list[Predictions] = []
    start, before = time.monotonic(), len(reported or ())

    def evaluate(model: Any) -> None:
        progress(f"evaluating epoch {len(evaluations) + 1} of {epochs}")
        outputs = program.outputs_of(model, held_out.x)
        evaluations.append(predictions_of(outputs, labels_lib.classes(held_out.y)))

    if trained is not None:
        program.model = trained
        numbers = list(reported or ())
    else:
        progress(f"training {epochs} epochs")
        program.run(epochs, evaluate)
        numbers = list(reported or ())[before:]
        if reported and not numbers:
            raise UsageError(
                "reported has the numbers of another training: let train append to it, "
                "or give the model of that training as trained="
            )
    seconds = time.monotonic() - start if trained is None else 0.0
    if not evaluations:
        evaluate(program.model)
    rows = _rows(evaluations, numbers, epochs, program, rate)
    settings = TrainingSettings(
        batch_size=batch_size,
        train_images=len(data.x),
        steps_per_epoch=program.steps_per_epoch,
        epochs=float(epochs),
        learning_rate=rate,
        highest_rate=rate,
        weight_decay=decay,
        seconds=seconds,
    )
    outputs = program.outputs_of(program.model, held_out.x[:1]).shape[1]
    context = array_context(
        program, data, held_out, rows, evaluations, settings, outputs
    )
    context = dataclasses.replace(context, embedding=features)
    diagnosis = diagnose(context, budget, progress)
    return dataclasses.replace(
        diagnosis, galleries=functools.partial(galleries_of, context)
    )


def _check(functions: LoopFunctions) -> None:
    """Refuses functions that cannot be called as documented.

    Raises:
        UsageError: One of them cannot.
    """
    calls = {"build": ("seed",), "train": _TRAIN, "predict": ("model", "images")}
    for name, words in calls.items():
        try:
            signature = inspect.signature(getattr(functions, name))
            optional = name == "build" and "seed" not in signature.parameters
            signature.bind(*(() if optional else words))
        except (TypeError, ValueError) as problem:
            raise UsageError(
                f"{name} must be a function {name}({', '.join(words)}): {problem}"
            ) from None


def _arrays(name: str, data: Any) -> Examples:
    if not isinstance(data, (tuple, list)) or len(data) != 2:
        raise UsageError(f"{name} must be a pair of arrays (x, y)")
    return checked(*data)


def _rows(
    evaluations: Sequence[Predictions],
    numbers: Sequence[float | Mapping[str, float]],
    epochs: int,
    program: LoopProgram,
    learning_rate: float,
) -> list[Row]:
    """Returns the reported metrics of each evaluation, the last ones aligned."""
    rows: list[Row] = []
    count = len(evaluations)
    per_epoch = program.steps_per_epoch
    for place in range(count):
        epoch = float(epochs - count + 1 + place)
        row: Row = {"step": round(epoch * per_epoch), "epoch": epoch}
        row["learning_rate"] = learning_rate
        from_end = count - place
        if len(numbers) >= from_end:
            given = numbers[-from_end]
            metrics = given if isinstance(given, Mapping) else {"accuracy": given}
            row |= {f"validation/{name}": float(each) for name, each in metrics.items()}
        rows.append(row)
    return rows
