"""The loss of made-up outputs, and the outputs for batches of one image."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

import numpy as np

from framework.diagnose.core.measurement import Measurement, NotApplicableError
from framework.numerics import outputs as outputs_lib

if TYPE_CHECKING:
    from framework.data.split import Split
    from framework.diagnose.core.context import DiagnosisContext

_IMAGES = 256
_ALONE = 4


@dataclasses.dataclass(frozen=True)
class OutputProbe(Measurement):
    """The outputs for some training images.

    Attributes:
        units: The number of outputs.
        classes: The number of different labels.
        is_constant: Whether the only output is the same for all images.
        is_softmax_of_one: Whether that is because of a softmax of one output.
        batch_dependence: The largest difference between the outputs for an image in a
            batch and alone.
        cut: Fraction of outputs that are 0, where none is negative.
        softened: How near the outputs come to the bounds of a softmax of
            probabilities, 1 / (e + K - 1) and e / (e + K - 1), where they are within: 0
            where they are equal, 1 at both bounds; None where they are not within.
    """

    units: int
    classes: int
    is_constant: bool
    is_softmax_of_one: bool
    batch_dependence: float
    cut: float
    softened: float | None = None

    @classmethod
    def measure(cls, context: DiagnosisContext) -> OutputProbe:
        """See base class."""
        split = _split(context)
        outputs = context.program.predict(split.images)
        alone = np.concatenate(
            [
                context.program.predict(split.images[index : index + 1])
                for index in range(_ALONE)
            ]
        )
        is_constant = bool(outputs.shape[1] == 1 and np.ptp(outputs) < 1e-6)
        ends_in_softmax = context.program.architecture.ends_in_softmax
        return cls(
            units=outputs.shape[1],
            classes=len(np.unique(split.labels)),
            is_constant=is_constant,
            is_softmax_of_one=is_constant and ends_in_softmax,
            batch_dependence=float(np.abs(alone - outputs[:_ALONE]).max()),
            cut=float(np.mean(outputs == 0)) if outputs.min() == 0 else 0.0,
            softened=softened(outputs),
        )


def softened(outputs: np.ndarray) -> float | None:
    """Returns how near outputs come to the bounds of a softmax of probabilities.

    Args:
        outputs: float [N, K].

    Returns:
        The lesser of two parts of the way, from 1 / K to the bounds; None where outputs
        are not within, or no probabilities.
    """
    classes = outputs.shape[1]
    if classes < 2 or not outputs_lib.are_probabilities(outputs):
        return None
    whole = math.e + classes - 1
    part = min(
        (outputs.max() - 1 / classes) / (math.e / whole - 1 / classes),
        (1 / classes - outputs.min()) / (1 / classes - 1 / whole),
    )
    is_within = outputs.max() <= (math.e + 1e-3) / whole
    is_within &= outputs.min() >= (1 - 1e-3) / whole
    return float(part) if is_within else None


@dataclasses.dataclass(frozen=True)
class LossProbe(Measurement):
    """The loss of made-up outputs for the labels of some training images.

    Attributes:
        right: The least loss of outputs that are right, with growing certainty.
        equal: The loss of equal outputs.
        wrong: The loss of outputs that are certain and wrong.
        twice: The loss of a batch and its copy, in losses of the batch.
    """

    right: float
    equal: float
    wrong: float
    twice: float

    @classmethod
    def measure(cls, context: DiagnosisContext) -> LossProbe:
        """See base class."""
        split, loss = _split(context), context.program.loss
        outputs, labels = context.program.predict(split.images), split.labels
        units = outputs.shape[1]
        if units == 1 or labels.max() >= units:
            raise NotApplicableError("there is not one output for each class")
        is_squashed = outputs_lib.are_probabilities(outputs) or outputs_lib.are_shares(
            outputs
        )
        losses = {
            name: loss(labels, each)
            for name, each in _made_up(labels, units, is_squashed).items()
        }
        both = np.concatenate([labels, labels])
        twice = loss(both, np.concatenate([outputs, outputs]))
        return cls(
            right=min(
                value for name, value in losses.items() if name.startswith("right")
            ),
            equal=losses["equal"],
            wrong=losses["wrong"],
            twice=twice / max(loss(labels, outputs), 1e-12),
        )


def _split(context: DiagnosisContext) -> Split:
    return context.train.take(np.arange(min(_IMAGES, len(context.train))))


def _made_up(
    labels: np.ndarray, units: int, is_squashed: bool
) -> dict[str, np.ndarray]:
    """Returns outputs that are right with growing certainty, equal, and wrong."""
    truth = np.eye(units)[labels]
    equal = np.full_like(truth, 1 / units)
    outputs = {
        f"right {certainty}": certainty * truth + (1 - certainty) * equal
        for certainty in (0.5, 0.9, 0.99, 0.999, 1.0)
    }
    outputs |= {"equal": equal, "wrong": np.roll(truth, 1, axis=1)}
    if is_squashed:
        return outputs
    return {name: np.log(np.clip(each, 1e-7, 1)) for name, each in outputs.items()}
