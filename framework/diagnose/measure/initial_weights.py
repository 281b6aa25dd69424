"""Initial weights, and the gradients and activations at the first step."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from framework.diagnose.core.measurement import Measurement, Part

if TYPE_CHECKING:
    from framework.diagnose.core.context import DiagnosisContext

UNIT_IMAGES = 512
_BATCH = 128
# A unit that is below this for every image is dead.
_FIRES = 1e-5


@dataclasses.dataclass(frozen=True)
class InitialWeights(Measurement):
    """Weights and gradients before the first step.

    Attributes:
        spreads: Standard deviation of each kernel, in sqrt(1.5 / fan-in), between
            Glorot's and He's rule; by path, in order.
        gradient_norms: Norms of the gradients of the kernels, in order.
        growth: Standard deviation of the signals after the last hidden layer, in that
            after the first one.
    """

    depends_on: ClassVar[Part] = Part.START
    spreads: dict[str, float]
    gradient_norms: tuple[float, ...]
    growth: float

    @classmethod
    def measure(cls, context: DiagnosisContext) -> InitialWeights:
        """See base class."""
        weights = context.program.weights(at_initialization=True)
        kernels = {
            name: value for name, value in weights.items() if name.endswith("kernel")
        }
        batch = context.train.take(np.arange(min(_BATCH, len(context.train))))
        gradients = context.program.gradients(batch, at_initialization=True)
        present = [gradients.get(name) for name in kernels]
        return cls(
            spreads={name: _spread(value) for name, value in kernels.items()},
            gradient_norms=tuple(
                float(np.linalg.norm(value)) for value in present if value is not None
            ),
            growth=_growth(context),
        )


@dataclasses.dataclass(frozen=True)
class InitialActivity(Measurement):
    """Dead units before the first step; part of `UnitActivity`.

    Attributes:
        dead: The largest fraction in a hidden layer that rectifies.
    """

    is_reported: ClassVar[bool] = False
    depends_on: ClassVar[Part] = Part.START
    dead: float

    @classmethod
    def measure(cls, context: DiagnosisContext) -> InitialActivity:
        """See base class."""
        return cls(_dead(context, True))


@dataclasses.dataclass(frozen=True)
class UnitActivity(Measurement):
    """Dead units: those that are 0 for each of some training images.

    Attributes:
        dead_at_initialization: The largest fraction in a hidden layer that rectifies,
            before the first step.
        dead: The same now.
    """

    dead_at_initialization: float
    dead: float

    @classmethod
    def measure(cls, context: DiagnosisContext) -> UnitActivity:
        """See base class."""
        return cls(context.get(InitialActivity).dead, _dead(context, False))


def _growth(context: DiagnosisContext) -> float:
    activations = context.program.activations(
        context.train.images[:UNIT_IMAGES], at_initialization=True, training=True
    )
    names = [layer.name for layer in context.program.architecture.with_kernel]
    spreads = [
        float(activations[name].std()) for name in names[:-1] if name in activations
    ]
    if len(spreads) < 2 or not spreads[0] > 0:
        return 1.0
    return spreads[-1] / spreads[0]


def _spread(kernel: np.ndarray) -> float:
    fan_in = max(int(np.prod(kernel.shape[:-1])), 1)
    return float(kernel.std() / math.sqrt(1.5 / fan_in))


def _dead(context: DiagnosisContext, at_initialization: bool) -> float:
    activations = context.program.activations(
        context.train.images[:UNIT_IMAGES], at_initialization
    )
    rectifying = {
        layer.name
        for layer in context.program.architecture.layers
        if layer.is_rectifying
    }
    last = list(activations)[-1:]
    fractions = [0.0]
    for name, values in activations.items():
        if name in last or values.ndim < 2 or values.min() < 0:
            continue
        if values.ndim > 2:
            # A filter fires for an image if it does anywhere in it.
            values = values.max(axis=tuple(range(1, values.ndim - 1)))
        if np.all(values <= 0) or name in rectifying:
            fires = values.max(axis=0) >= _FIRES
            fractions.append(float(1 - fires.mean()))
    return max(fractions)
