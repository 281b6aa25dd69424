"""The plan of a proof for a Keras program."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from framework.data import fingerprint
from framework.diagnose.core.context import DiagnosisContext
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.programs.keras_program import KerasProgram
from framework.prove import placebo
from framework.prove import plan as plan_lib
from framework.prove.plan import Arm, Comparison, Judge, Plan

# Trials of the diagnosis have small seeds, by which the remedy was chosen.
_FIRST_SEED = 101
_METRIC = "accuracy"


@dataclasses.dataclass(frozen=True, eq=False)
class Training:
    """How an arm is trained.

    Attributes:
        intervention: What is different from the original training.
        epochs: The length, in epochs of the original training.
        steps: The same in optimizer steps.
    """

    intervention: Intervention
    epochs: float
    steps: int


def make(
    context: DiagnosisContext,
    program: KerasProgram,
    interventions: Mapping[str, Intervention],
    judge: Judge,
    seeds: int,
    named: Collection[str],
) -> tuple[Plan, dict[str, Training]]:
    """Plans a proof.

    Args:
        context: Of the diagnosis.
        program: That was diagnosed.
        interventions: The remedies by cause, in order.
        judge: Which images judge.
        seeds: The largest number of seeds; at least three.
        named: The causes that the diagnosis has named.

    Returns:
        The plan, and how to train its arms, by name.

    Raises:
        UsageError: There are too few seeds, or there is no placebo.
    """
    looks = plan_lib.looks(seeds)
    fields = {name for each in interventions.values() for name in each.differences()}
    name, other = placebo.draw_for_keras(
        context.settings,
        context.train.images.ndim == 4,
        {*named, *interventions},
        fields,
        _FIRST_SEED,
    )
    trainings: dict[str, Training] = {}
    comparisons = []
    for cause, change in interventions.items():
        own, control = _lengths(change, context.settings.epochs)
        arms = {
            cause: _training(context, change, own),
            _named("unchanged", control, context): _training(
                context, Intervention(), control
            ),
            _named(f"placebo-{name}", control, context): _training(
                context, other, control
            ),
        }
        trainings |= arms
        comparisons.append(Comparison(cause, plan_lib.kind_of(cause), *arms))
    return Plan(
        config=_described(context, program),
        data=judge.data,
        judge=judge.images,
        metric=judge.metric,
        seeds=tuple(range(_FIRST_SEED, _FIRST_SEED + seeds)),
        looks=looks,
        levels=plan_lib.levels(looks, len(interventions)),
        swing=judge.swing,
        placebo=name,
        arms={
            each: Arm(each, _changes(training, context.num_classes))
            for each, training in trainings.items()
        },
        comparisons=tuple(comparisons),
    ), trainings


def judge(images: str, data: Mapping[str, Any], swing: float = 0.0) -> Judge:
    """Returns the judge of a Keras program: its accuracy on some images.

    Args:
        images: `plan.TEST` or `plan.HALF`.
        data: The number of images and the digest of each split.
        swing: Of the accuracy of its last evaluations.
    """
    return Judge(images, _METRIC, data, round(swing, 6))


def _lengths(change: Intervention, epochs: float) -> tuple[float, float]:
    """Returns the lengths of a remedy and of its controls, in epochs.

    Controls train as long as the remedy; but where more time is the remedy itself, as
    long as the program.
    """
    own = epochs * change.train_for_factor
    is_time = set(change.differences()) <= {"train_for_factor"}
    return own, epochs if is_time else max(own, epochs)


def _training(
    context: DiagnosisContext, intervention: Intervention, epochs: float
) -> Training:
    batches = context.settings.steps_per_epoch / intervention.batch_size_factor
    return Training(intervention, epochs, max(round(epochs * batches), 1))


def _named(name: str, epochs: float, context: DiagnosisContext) -> str:
    """Returns the name of a control, with its length if that is another."""
    return name if epochs == context.settings.epochs else f"{name}-{epochs:g}ep"


def _changes(training: Training, num_classes: int) -> dict[str, Any]:
    """Returns the changes of an arm as JSON values; its images as a digest."""
    changes = training.intervention.differences() | {"epochs": training.epochs}
    images = training.intervention.train
    if images is not None:
        changes["train"] = fingerprint.describe(images, num_classes)
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in changes.items()
    }


def _described(context: DiagnosisContext, program: KerasProgram) -> dict[str, Any]:
    """Returns the settings that a program's numbers depend on, where known."""
    settings, layers = context.settings, program.architecture.layers
    digest = hashlib.sha256()
    for value in program.state.initial:
        digest.update(np.ascontiguousarray(value).tobytes())
    return {
        "layers": [
            f"{layer.kind} {layer.units}".removesuffix(" 0") for layer in layers
        ],
        "initial_state": digest.hexdigest(),
        # Keras counts the names of optimizers.
        "optimizer": type(program.model.optimizer).__name__,
        "learning_rate": settings.learning_rate,
        "batch_size": settings.batch_size,
        "epochs": settings.epochs,
    }
