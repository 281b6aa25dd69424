"""The scale of the network's inputs, and the order of its batches."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from framework.diagnose.core.measurement import Measurement, NotApplicableError

if TYPE_CHECKING:
    from framework.diagnose.core.context import DiagnosisContext

_IMAGES = 512
_PERMUTATIONS = 100


@dataclasses.dataclass(frozen=True)
class InputScale(Measurement):
    """Moments of the inputs of the first layer, by channel.

    Attributes:
        deviation: The median standard deviation of a channel.
        largest_deviation: The largest one.
        offset: The median of |mean| / standard deviation.
        normalized_by: The kind of the layer that normalizes inputs; "" for none.
        constant: What all values are, in words, if the inputs of all images are the
            same: "0", or "those of one image"; "" if they vary.
    """

    deviation: float
    largest_deviation: float
    offset: float
    normalized_by: str
    constant: str = ""

    @classmethod
    def measure(cls, context: DiagnosisContext) -> InputScale:
        """See base class."""
        images = context.train.images[:_IMAGES]
        values = np.asarray(context.program.inputs(images), np.float64)
        flat = values.reshape(-1, values.shape[-1])
        deviation, mean = flat.std(axis=0), flat.mean(axis=0)
        # Corners of flattened images are always black.
        varies = deviation > 0
        normalized_by = ""
        if not context.program.is_opaque:
            normalized_by = context.program.architecture.first_normalization
        if not len(values) > 1:
            raise NotApplicableError("there is only one training image")
        if not np.any(values != values[:1]):
            is_flat = bool(np.ptp(values) == 0)
            what = f"{values.flat[0]:.3g}" if is_flat else "those of one image"
            return cls(0.0, 0.0, 0.0, normalized_by, what)
        if not varies.any():
            raise NotApplicableError("inputs are not finite")
        deviation, mean = deviation[varies], np.abs(mean[varies])
        # Of pixels as features few are as usual; the one in the middle is.
        return cls(
            deviation=float(np.median(deviation)),
            largest_deviation=float(deviation.max()),
            offset=float(np.median(mean / deviation)),
            normalized_by=normalized_by,
        )


@dataclasses.dataclass(frozen=True)
class BatchOrder(Measurement):
    """How well the batches of the first epoch were shuffled.

    Attributes:
        entropy: Mean entropy of the labels of a batch, in bits.
        shuffled_entropy: The same of shuffled labels.
        z: Standard deviations between them.
        permutations: How many shuffles were compared.
    """

    entropy: float
    shuffled_entropy: float
    z: float
    permutations: int = _PERMUTATIONS

    @classmethod
    def measure(cls, context: DiagnosisContext) -> BatchOrder:
        """See base class."""
        if context.first_epoch_labels is None:
            raise NotApplicableError("batches are shuffled by construction")
        size = context.settings.batch_size
        labels = np.unique(context.first_epoch_labels, return_inverse=True)[1]
        labels = labels.reshape(-1)
        if len(labels) <= size or size < 2:
            raise NotApplicableError("there is one batch, or a batch has one image")
        generator = np.random.Generator(np.random.PCG64(0))
        null = [
            _entropy(generator.permutation(labels), size) for _ in range(_PERMUTATIONS)
        ]
        entropy, mean = _entropy(labels, size), float(np.mean(null))
        z = float((mean - entropy) / max(float(np.std(null)), 1e-9))
        return cls(entropy, mean, z)


def _entropy(labels: np.ndarray, size: int) -> float:
    """Returns the mean entropy of whole batches, in bits."""
    batches, most = len(labels) // size, int(labels.max()) + 1
    cells = np.arange(batches * size) // size * most + labels[: batches * size]
    shares = np.bincount(cells, minlength=batches * most).reshape(batches, most) / size
    logs = np.log2(np.where(shares > 0, shares, 1))
    return float(-(shares * logs).sum(axis=1).mean())
