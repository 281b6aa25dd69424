"""Whether a pretrained network sees inputs of the scale that it was trained on."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

import numpy as np

from framework.diagnose.core.measurement import Measurement, NotApplicableError

if TYPE_CHECKING:
    from framework.diagnose.core.context import DiagnosisContext

_IMAGES = 128
_MOVING = "/moving_mean"
# The ranges that networks are usually trained on; the last is about that of inputs
# standardised by the means and deviations of ImageNet.
_RANGES = ((0.0, 255.0), (0.0, 1.0), (-1.0, 1.0), (-128.0, 127.0), (-2.0, 2.4))


@dataclasses.dataclass(frozen=True)
class StoredMoments(Measurement):
    """The first batch norm's stored moments beside those of training images.

    All with the weights before the first step, in evaluation mode.

    Attributes:
        layer: The name of that batch norm.
        deviation: The median of the standard deviation of what it sees, in stored ones.
        shift: The median distance between the means, in stored standard deviations.
        distance: |log deviation| + shift.
        factor: The best of the usual scales multiplies images by this.
        offset: And then adds this.
        low: What the least value of an image becomes.
        high: What the largest value becomes.
        best_distance: The distance with that scale.
    """

    layer: str
    deviation: float
    shift: float
    distance: float
    factor: float
    offset: float
    low: float
    high: float
    best_distance: float

    @classmethod
    def measure(cls, context: DiagnosisContext) -> StoredMoments:
        """See base class."""
        images = np.asarray(context.train.images[:_IMAGES], np.float32)
        weights = context.program.weights(at_initialization=True)
        name = _first_norm(context, images, weights)
        deviation, shift = _moments(context, images, weights, name)
        best = (_distance(deviation, shift), 1.0, 0.0, *_extent(images))
        for low, high in _RANGES:
            factor, offset = _scale(images, low, high)
            moments = _moments(context, images * factor + offset, weights, name)
            best = min(best, (_distance(*moments), factor, offset, low, high))
        return cls(
            name.rpartition("/")[2],
            deviation,
            shift,
            _distance(deviation, shift),
            factor=best[1],
            offset=best[2],
            low=best[3],
            high=best[4],
            best_distance=best[0],
        )


def _first_norm(
    context: DiagnosisContext, images: np.ndarray, weights: dict[str, np.ndarray]
) -> str:
    """Returns the path of the batch norm that is called first.

    Raises:
        NotApplicableError: There is none, or its moments were never updated.
    """
    paths = [name.removesuffix(_MOVING) for name in weights if name.endswith(_MOVING)]
    if not paths:
        raise NotApplicableError("there is no batch norm")
    seen = context.program.activations(images[:2], at_initialization=True)
    called = [
        path for name in seen for path in paths if path.rpartition("/")[2] == name
    ]
    if not called:
        raise NotApplicableError("no batch norm is called")
    if not np.any(weights[called[0] + _MOVING]):
        raise NotApplicableError("no batch norm was trained before")
    return called[0]


def _moments(
    context: DiagnosisContext,
    images: np.ndarray,
    weights: dict[str, np.ndarray],
    name: str,
) -> tuple[float, float]:
    """Returns the standard deviation and |mean| of what a norm makes of images."""
    seen = context.program.activations(images, at_initialization=True)
    values = seen[name.rpartition("/")[2]]
    values = values.reshape(-1, values.shape[-1]).astype(np.float64)
    gamma = weights.get(f"{name}/gamma", np.ones(values.shape[1]))
    beta = weights.get(f"{name}/beta", np.zeros(values.shape[1]))
    # What a channel with a gain of about 0 sees is lost.
    kept = np.abs(gamma) > 1e-3
    if not kept.any():
        raise NotApplicableError("the batch norm lets nothing through")
    normal = (values[:, kept] - beta[kept]) / gamma[kept]
    deviation, mean = normal.std(axis=0), np.abs(normal.mean(axis=0))
    return float(np.median(deviation)), float(np.median(mean))


def _distance(deviation: float, shift: float) -> float:
    return abs(math.log(max(deviation, 1e-9))) + shift


def _extent(images: np.ndarray) -> tuple[float, float]:
    return float(images.min()), float(images.max())


def _scale(images: np.ndarray, low: float, high: float) -> tuple[float, float]:
    """Returns the factor and the offset that bring images to a range."""
    least, most = _extent(images)
    factor = (high - low) / max(most - least, 1e-9)
    return factor, low - factor * least
