"""Gradients of the loss, compared with the updates of single steps."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from framework.diagnose.core.measurement import Measurement, NotApplicableError, Part

if TYPE_CHECKING:
    from framework.data.split import Split
    from framework.diagnose.core.context import DiagnosisContext

# A tenth of the learning rate must move weights a tenth as far.
SLOWER = 0.1
# Gradients of biases that a norm cancels are rounding errors.
_NO_GRADIENT = 1e-7
_IMAGES = 64


@dataclasses.dataclass(frozen=True)
class LossGradients(Measurement):
    """The gradient of the loss at the initial weights.

    Attributes:
        norms: By weight; None for weights that the loss does not depend on.
        untrained: Kernels without a gradient that outputs depend on, and that have
            never been trained anywhere: their biases are 0.
        fixed: Sizes of kernels and embeddings that are declared not trainable; none
            where they were trained elsewhere, and are meant to stay so.
        pretrained: Sizes of those that were trained elsewhere.
    """

    depends_on: ClassVar[Part] = Part.START
    norms: dict[str, float | None]
    untrained: tuple[str, ...]
    fixed: dict[str, int]
    pretrained: dict[str, int] = dataclasses.field(default_factory=dict)

    @classmethod
    def measure(cls, context: DiagnosisContext) -> LossGradients:
        """See base class."""
        gradients = context.program.gradients(_batch(context, 0), True)
        without = [name for name, value in gradients.items() if value is None]
        fixed = context.program.architecture.fixed_kernels
        is_pretrained = bool(fixed) and _are_pretrained(context, fixed)
        return cls(
            norms={
                name: None if value is None else float(np.linalg.norm(value))
                for name, value in gradients.items()
            },
            untrained=_untrained(context, without),
            fixed={} if is_pretrained else fixed,
            pretrained=fixed if is_pretrained else {},
        )

    @property
    def without_gradient(self) -> tuple[str, ...]:
        """The weights that the loss does not depend on."""
        return tuple(name for name, norm in self.norms.items() if norm is None)


@dataclasses.dataclass(frozen=True)
class UpdateVectors(Measurement):
    """The program's own first steps, compared with the gradient of the loss.

    Attributes:
        unmoved: Weights with a gradient that neither of two steps moves.
        scales: Of each step, the norm of the applied gradient by that of the loss's.
        cosines: Of each step, the cosine between both.
    """

    depends_on: ClassVar[Part] = Part.START
    unmoved: tuple[str, ...]
    scales: tuple[float, ...]
    cosines: tuple[float, ...]

    @classmethod
    def measure(cls, context: DiagnosisContext) -> UpdateVectors:
        """See base class."""
        unmoved: set[str] | None = None
        scales, cosines = [], []
        for place in range(2):
            batch = _batch(context, place)
            gradients = {
                name: value
                for name, value in context.program.gradients(batch, True).items()
                if value is not None and np.linalg.norm(value) > _NO_GRADIENT
            }
            updates = context.program.update_vectors(batch)
            still = {name for name in gradients if not np.any(updates[name])}
            unmoved = still if unmoved is None else unmoved & still
            moving = [name for name in gradients if name not in still]
            if moving:
                update = np.concatenate([updates[name].ravel() for name in moving])
                gradient = np.concatenate([gradients[name].ravel() for name in moving])
                norms = np.linalg.norm(update), np.linalg.norm(gradient)
                scales.append(float(norms[0] / norms[1]))
                cosines.append(float(update @ gradient / norms[0] / norms[1]))
        return cls(tuple(sorted(unmoved or ())), tuple(scales), tuple(cosines))


@dataclasses.dataclass(frozen=True)
class RateResponse(Measurement):
    """How the length of a step follows the learning rate.

    Attributes:
        slower: The length at a tenth of the rate, in usual lengths; it should be .1.
    """

    slower: float

    @classmethod
    def measure(cls, context: DiagnosisContext) -> RateResponse:
        """See base class."""
        batch = _batch(context, 0)
        usual = context.program.update_norm(batch, 1.0)
        if not usual:
            raise NotApplicableError("a step moves no weight")
        return cls(context.program.update_norm(batch, SLOWER) / usual)


def _batch(context: DiagnosisContext, place: int) -> Split:
    size = min(context.settings.batch_size, len(context.train))
    start = place * size % max(len(context.train) - size + 1, 1)
    return context.train.take(np.arange(start, start + size))


def _are_pretrained(context: DiagnosisContext, fixed: dict[str, int]) -> bool:
    """Returns whether kernels that are declared not trainable were trained elsewhere.

    What was trained has biases that differ, or a batch norm that has seen images.
    """
    weights = context.program.weights(at_initialization=True)
    owners = {name.rpartition("/")[0] for name in fixed}
    return any(
        np.ptp(value) > 0 and name.rpartition("/")[0] in owners
        if name.endswith("/bias")
        else name.endswith("/moving_mean") and bool(np.any(value))
        for name, value in weights.items()
    )


def _untrained(context: DiagnosisContext, names: list[str]) -> tuple[str, ...]:
    weights = context.program.weights(at_initialization=False)
    biases = [weights[name] for name in names if name.endswith("/bias")]
    # What was trained elsewhere has biases that are not 0.
    if not biases or any(np.any(each) for each in biases):
        return ()
    kernels = [name for name in names if name.endswith("/kernel")]
    images = context.train.images[:_IMAGES]
    return tuple(context.program.depends_on(images, kernels))
