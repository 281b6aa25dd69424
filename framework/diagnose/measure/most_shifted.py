"""The validation images that differ most from the training images."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from framework.diagnose.core.context import sampled
from framework.diagnose.core.measurement import Measurement, NotApplicableError, Part
from framework.diagnose.measure.features import Scale, with_channels
from framework.diagnose.measure.properties import properties
from framework.diagnose.measure.samples import chosen
from framework.diagnose.measure.shift import Shift

if TYPE_CHECKING:
    from framework.diagnose.core.context import DiagnosisContext

# Properties of 1,000 images of 64x64 pixels take 100 MB.
_MOST, _KEPT = 1_000, 24


@dataclasses.dataclass(frozen=True, eq=False)
class MostShifted(Measurement):
    """Validation images by the property in which the splits differ most.

    Attributes:
        name: The property.
        places: The file of each image, or its position in the validation data; the
            most different first.
        labels: The names of their classes.
        images: As they are: [n, height, width, C].
        distances: From the median of training images, in their deviations: float [n].
        range: The values of black and white.
        total: The number of images that were compared.
    """

    is_reported: ClassVar[bool] = False
    depends_on: ClassVar[Part] = Part.DATA
    name: str
    places: tuple[str, ...]
    labels: tuple[str, ...]
    images: np.ndarray
    distances: np.ndarray
    range: tuple[float, float]
    total: int

    @classmethod
    def measure(cls, context: DiagnosisContext) -> MostShifted:
        """See base class."""
        named = context.get(Shift).named
        if not named:
            raise NotApplicableError("the splits differ in no single property")
        name = max(named, key=lambda each: named[each])
        train, validation = context.train, context.validation
        scale = Scale.of(train.images)
        some = chosen(len(train), _MOST)
        rows = chosen(len(validation), _MOST)
        usual = properties(train.images[some], scale)[name]
        values = properties(validation.images[rows], scale)[name]
        distances = (values - np.median(usual)) / max(float(usual.std()), 1e-9)
        order = np.argsort(-np.abs(distances), kind="stable")[:_KEPT]
        rows = rows[order]
        return cls(
            name=name,
            places=_places(context, rows),
            labels=tuple(context.class_names[each] for each in validation.labels[rows]),
            images=with_channels(validation.images[rows]),
            distances=distances[order],
            range=(scale.low, scale.high),
            total=len(values),
        )


def _places(context: DiagnosisContext, rows: np.ndarray) -> tuple[str, ...]:
    """Returns the files of validation images, or their positions in all of them.

    Args:
        context: What is diagnosed.
        rows: Positions in the context's sample: int [n].
    """
    positions = sampled(np.arange(len(context.labels["validation"])))[rows]
    paths = context.dataset.validation.paths if context.dataset else ()
    return tuple(paths[each] if paths else str(each) for each in positions.tolist())
