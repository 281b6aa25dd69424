"""A test whether images of the splits differ in their properties, and in which."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from framework.data.split import Split
from framework.diagnose.core.measurement import Measurement, NotApplicableError, Part
from framework.diagnose.measure.features import Features, Scale, are_images
from framework.diagnose.measure.properties import noise_level, properties
from framework.diagnose.measure.ridge import Ridge, one_hot, predicted
from framework.diagnose.measure.samples import EmbeddedSamples
from framework.numerics.intervals import Estimate, difference, proportion

if TYPE_CHECKING:
    from framework.diagnose.core.context import DiagnosisContext

PERMUTATIONS = 200
# By one property alone less is enough, once all together have shown it.
ALONE = 0.55
# Properties this much below the one that differs most are named as well.
_NEXT = 0.1
_MOST_NAMED = 3
_MOST, _FEWEST = 500, 40
_REST = (0.02, 0.98)


@dataclasses.dataclass(frozen=True)
class Shift(Measurement):
    """A classifier two-sample test on twelve properties, or on the user's embedding.

    With an embedding there are two tests: it sees what images show, and properties see
    light, noise and compression better (docs/how-to/embedding.md). The larger area
    counts, with twice its p-value.

    Attributes:
        auc: Area under the curve of a classifier of training against validation
            images.
        p: Of that area, by permutation; twice that if it is the larger one of two.
        named: The area by each of the properties that differ most.
        descriptions: The same properties in words.
        augment: An augmentation spec that makes training images vary in them.
        features: What the classifier sees, in words.
    """

    depends_on: ClassVar[Part] = Part.DATA
    auc: float
    p: float
    named: Mapping[str, float]
    descriptions: tuple[str, ...]
    augment: str
    features: str = "12 properties"

    @classmethod
    def measure(cls, context: DiagnosisContext) -> Shift:
        """See base class."""
        train, validation = context.train, context.validation
        if not are_images(train.images):
            raise NotApplicableError("the examples are not images")
        rows = _matched(np.asarray(train.labels), np.asarray(validation.labels))
        if min(len(each) for each in rows) < _FEWEST:
            raise NotApplicableError(
                f"there are no {_FEWEST} images of each split of common classes"
            )
        scale = Scale.of(train.images)
        images = train.images[rows[0]], validation.images[rows[1]]
        first, second = (properties(each, scale) for each in images)
        auc, p = _told_apart(first, second)
        seen = cls.features
        if context.embedding is not None:
            # Standardised over both: a feature may be constant in one of them.
            embed = Features(np.concatenate(images), context.embedding)
            area, p_of_area = told_apart_by(embed(images[0]), embed(images[1]))
            if area > auc:
                auc, p, seen = area, p_of_area, str(context.embedding)
            p = min(2 * p, 1.0)
        single = {name: _single(first[name], second[name]) for name in first}
        names = sorted(single, key=lambda name: -single[name])
        least = max(ALONE, single[names[0]] - _NEXT)
        named = [name for name in names if single[name] >= least][:_MOST_NAMED]
        noise = noise_level(images[0], scale), noise_level(images[1], scale)
        parts = [
            _augmentation(each, first[each], second[each], noise) for each in named
        ]
        # One of each kind; the most important property's.
        kinds = {part.partition("(")[0]: part for part in reversed(parts)}
        return cls(
            auc=auc,
            p=p,
            named={name: single[name] for name in named},
            descriptions=tuple(
                _description(name, first[name], second[name]) for name in named
            ),
            augment=" + ".join(kinds.values()),
            features=seen,
        )


def told_apart(train: Split, validation: Split, scale: Scale) -> tuple[float, float]:
    """Returns how well a classifier tells images of two splits apart.

    Args:
        train: Training images, augmented or not.
        validation: Validation images.
        scale: That of the training images before augmentation.

    Returns:
        The area under the curve, and its p-value; see `Shift`.

    Raises:
        NotApplicableError: They are no images, or too few.
    """
    if not are_images(train.images):
        raise NotApplicableError("the examples are not images")
    rows = _matched(np.asarray(train.labels), np.asarray(validation.labels))
    if min(len(each) for each in rows) < _FEWEST:
        raise NotApplicableError(
            f"there are no {_FEWEST} images of each split of common classes"
        )
    first = properties(train.images[rows[0]], scale)
    second = properties(validation.images[rows[1]], scale)
    return _told_apart(first, second)


@dataclasses.dataclass(frozen=True)
class ProbeLoss(Measurement):
    """The accuracy that a probe of untrained features loses between the splits.

    Attributes:
        loss: Its accuracy on training images that it was not fitted to, less that on
            validation images.
    """

    depends_on: ClassVar[Part] = Part.DATA
    loss: Estimate

    @classmethod
    def measure(cls, context: DiagnosisContext) -> ProbeLoss:
        """See base class."""
        # Whoever has too few images for the test has too few for this.
        context.get(Shift)
        samples = context.get(EmbeddedSamples).samples
        train, validation = samples.train, samples.validation
        classes = int(max(train.labels.max(), validation.labels.max())) + 1
        targets = one_hot(train.labels, classes)
        inside = Ridge(train.features)(targets).argmax(axis=1) == train.labels
        scores = predicted(train.features, targets, validation.features)
        outside = scores.argmax(axis=1) == validation.labels
        loss = difference(
            proportion(int(inside.sum()), len(inside)),
            proportion(int(outside.sum()), len(outside)),
        )
        return cls(loss)


def _matched(train: np.ndarray, validation: np.ndarray) -> tuple[np.ndarray, ...]:
    """Returns indices of both splits, with equal counts of each class."""
    generator = np.random.Generator(np.random.PCG64(0))
    cap = max(_MOST // max(len(np.unique(validation)), 1), 1)
    chosen: tuple[list[np.ndarray], ...] = ([], [])
    for each in np.unique(validation):
        indices = [np.flatnonzero(labels == each) for labels in (train, validation)]
        count = min(cap, *(len(some) for some in indices))
        for some, kept in zip(indices, chosen, strict=True):
            kept.append(np.sort(generator.permutation(some)[:count]))
    empty = np.zeros(0, np.int64)
    return tuple(np.concatenate([empty, *kept]) for kept in chosen)


def _told_apart(
    first: dict[str, np.ndarray], second: dict[str, np.ndarray]
) -> tuple[float, float]:
    """Returns AUC and p-value."""
    table = np.stack(
        [np.concatenate([first[name], second[name]]) for name in first], axis=1
    )
    table = table - np.median(table, axis=0)
    # Wider or narrower is another kind as well.
    table = np.concatenate([table, np.abs(table)], axis=1)
    deviation = table.std(axis=0)
    table = (table - table.mean(axis=0)) / np.where(deviation > 0, deviation, np.inf)
    count = len(next(iter(first.values())))
    return told_apart_by(table[:count], table[count:])


def told_apart_by(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Returns how well a classifier tells features of two splits apart.

    Args:
        first: float [N, F], about standardised over both.
        second: float [M, F].

    Returns:
        The area under the curve, and its p-value; see `Shift`.
    """
    table = np.concatenate([first, second])
    side = np.repeat([0, 1], [len(first), len(second)])
    generator = np.random.Generator(np.random.PCG64(1))
    sides = np.stack(
        [side, *(generator.permutation(side) for _ in range(PERMUTATIONS))], axis=1
    )
    areas = _areas(Ridge(table)(sides), sides)
    return float(areas[0]), float(np.mean(areas >= areas[0]))


def _areas(scores: np.ndarray, sides: np.ndarray) -> np.ndarray:
    """Returns the area under the curve of each column, by Mann and Whitney's ranks."""
    from scipy import stats

    ranks = stats.rankdata(scores, axis=0)
    ones = sides.sum(axis=0)
    above = (ranks * sides).sum(axis=0) - ones * (ones + 1) / 2
    areas: np.ndarray = above / (ones * (len(sides) - ones))
    return areas


def _single(first: np.ndarray, second: np.ndarray) -> float:
    """Returns the area by one property, or by its distance from the median."""
    values = np.concatenate([first, second])
    side = np.repeat([0, 1], [len(first), len(second)])
    columns = np.stack([values, np.abs(values - np.median(first))], axis=1)
    areas = _areas(columns, np.stack([side, side], axis=1))
    return float(np.max(np.abs(areas - 0.5)) + 0.5)


def _description(name: str, first: np.ndarray, second: np.ndarray) -> str:
    deviation = max(float(first.std()), 1e-9)
    shift = float(np.median(second) - np.median(first)) / deviation
    wider = float(second.std()) / deviation
    parts = []
    if abs(shift) > 0.5:
        parts.append(
            f"{abs(shift):.1f} deviations {'higher' if shift > 0 else 'lower'}"
        )
    if not 0.67 < wider < 1.5:
        parts.append(f"varies {wider:.1f} times as much")
    return f"{name} ({', '.join(parts)})" if parts else name


def _augmentation(
    name: str, first: np.ndarray, second: np.ndarray, noise: tuple[float, float]
) -> str:
    """Returns an augmentation that varies a property as in the validation images."""
    apart = second - np.median(first)
    low, high = (float(each) for each in np.quantile(apart, _REST))
    if name in ("brightness", "contrast"):
        return f"{name}(({min(2**low, 1.0):.2g}, {max(2**high, 1.0):.2g}))"
    if name in ("colour temperature", "tint", "saturation"):
        return "saturation((0.3, 1.7))"
    if name == "size":
        # A zoom above 1 shrinks.
        return f"zoom(({max(2**-high, 0.5):.2g}, {min(2**-low, 1.5):.2g}))"
    if name.endswith("position"):
        return f"shift({np.clip(max(-low, high), 0.05, 0.4):.2g})"
    if name in ("angle", "tilt"):
        return "rotate(45)"
    if noise[1] > 1.5 * noise[0]:
        return f"noise({np.sqrt(noise[1] ** 2 - noise[0] ** 2):.2g})"
    is_blurred = name == "sharpness" and np.median(apart) < 0
    return "blur((0.1, 2.0))" if is_blurred else "sharpness((0.5, 2.0))"
