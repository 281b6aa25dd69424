"""Validation is random."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from framework.diagnose.core.check import Check, Phase, Suspicion
from framework.diagnose.core.decision import is_gain
from framework.diagnose.core.finding import Evidence
from framework.diagnose.core.measurement import Measurements
from framework.diagnose.core.threshold import above
from framework.diagnose.measure.reported import FLIPPED, Repeatability

# What to do, in words and as code.
_Advice = tuple[str, tuple[str, ...]]
_AUGMENTED: _Advice = (
    "leave augmentation out of the validation pipeline, and call the model with "
    "training=False in evaluation",
    ("outputs = model(x_validation, training=False)",),
)
_RESHUFFLED: _Advice = (
    "divide the data before shuffling, or shuffle once, with "
    "reshuffle_each_iteration=False, before take and skip",
    (
        "data = data.shuffle(count, seed=0, reshuffle_each_iteration=False)",
        "validation, train = data.take(held_out), data.skip(held_out).shuffle(1000)",
    ),
)


@dataclasses.dataclass(frozen=True)
class RandomValidation(Check):
    """Evaluates the same weights twice.

    Why it matters:
        Random changes of validation images, or dropout in evaluation, add noise to the
        curve and cost accuracy.
    Evidence:
        The fraction of predictions that a second evaluation changes, and what the mean
        of eight evaluations gains.
    How it is decided:
        By that gain, since dropout that averages over itself costs nothing; or by
        validation data that differ between two passes.
    Remedy:
        No augmentation in the validation pipeline; training=False in evaluation.
    Sources:
        Two passes over the data as given.
    """

    cause_name: ClassVar[str] = "random_validation"
    phase: ClassVar[Phase] = Phase.EVALUATION

    def suspect(self, measured: Measurements) -> Suspicion | None:
        """See base class."""
        repeated = measured.get(Repeatability)
        gain = None
        advice, code = _AUGMENTED
        if repeated.are_reshuffled:
            message = (
                "two passes through the validation data give other images, and those "
                "of the second pass were training images in the first: the data are "
                "shuffled anew in each pass and divided only then, so that all images "
                "are trained on"
            )
            advice, code = _RESHUFFLED
        elif repeated.other_images:
            message = (
                "two passes through the validation data give other images: they are "
                "changed at random, as only training images should be"
            )
        elif repeated.gain is not None and is_gain(repeated.gain):
            gain = repeated.gain
            message = (
                f"evaluating the same weights twice changes {repeated.flipped:.1%} of "
                f"the predictions: the model is random in evaluation mode as well"
            )
        else:
            return None
        return Suspicion(
            is_certain=True,
            message=message,
            evidence=(
                Evidence(
                    "predictions that a second evaluation changes",
                    repeated.flipped,
                    above(FLIPPED),
                    "the same weights, evaluated twice",
                ),
            ),
            advice=advice,
            code=code,
            refute="two evaluations of the same weights that agree in every prediction",
            cost=gain,
        )
