"""Whether images show anything that labels could follow, whatever the labels."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from framework.diagnose.core.measurement import Measurement, NotApplicableError, Part
from framework.diagnose.measure.features import Features, are_images, with_channels
from framework.diagnose.measure.probe import Probe, Signal
from framework.diagnose.measure.samples import Samples

if TYPE_CHECKING:
    from framework.diagnose.core.context import DiagnosisContext


@dataclasses.dataclass(frozen=True, eq=False)
class ImageStructure(Measurement):
    """How well one half of each image predicts what the other half is like.

    The left halves are put into as many groups as there are classes, each into that of
    the most similar of a few. A probe of the right halves sees these groups where
    images are of things, and nothing where pixels are drawn one by one.

    Attributes:
        signals: By split.
    """

    depends_on: ClassVar[Part] = Part.DATA
    signals: Mapping[str, Signal]

    @classmethod
    def measure(cls, context: DiagnosisContext) -> ImageStructure:
        """See base class."""
        samples = context.get(Samples)
        signals = {}
        for name in ("train", "validation"):
            sample = samples.of(name)
            images = context.split(name).images[sample.indices]
            if not are_images(images):
                raise NotApplicableError("the examples are not images")
            count = len(np.unique(sample.labels))
            if len(images) < 2 * count:
                raise NotApplicableError("there are fewer than 2 images of a class")
            images = with_channels(images)
            middle = images.shape[2] // 2
            left, right = images[:, :, :middle], images[:, :, middle:]
            groups = _groups(Features(left)(left), count)
            signals[name] = Probe(Features(right)(right)).signal(groups)
        return cls(signals)


def _groups(features: np.ndarray, count: int) -> np.ndarray:
    """Returns for each example the nearest of `count` of them: int64 [N]."""
    generator = np.random.Generator(np.random.PCG64(0))
    centers = features[generator.permutation(len(features))[:count]]
    distances = (centers**2).sum(axis=1) - 2 * features @ centers.T
    groups: np.ndarray = distances.argmin(axis=1)
    return groups
