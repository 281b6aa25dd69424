"""Whether one transform of all validation images, or labels, restores accuracy."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from framework.diagnose.core.measurement import Measurement
from framework.diagnose.measure.features import are_images
from framework.diagnose.measure.samples import chosen
from framework.numerics import outputs
from framework.numerics.intervals import Estimate, paired_difference

if TYPE_CHECKING:
    from framework.diagnose.core.context import DiagnosisContext

# Where validation is as good as training there is nothing to gain.
_GAP = 0.05
# Standardised images have mean 0 and standard deviation 1 within this.
_STANDARD = 0.15
_MOST = 600
_FEWEST = 20
MAPPED_LABELS = "their class numbers are mapped to others"

Transform = Callable[[np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True)
class PreprocessingDifference(Measurement):
    """The best of a list of transforms, without training.

    Attributes:
        scale_ratio: Standard deviation of validation values by that of training's.
        transform: The best one, in words after "once ..."; "" for none.
        gain: Its gain in accuracy, on images that it was not chosen by.
    """

    scale_ratio: float
    transform: str
    gain: Estimate

    @classmethod
    def measure(cls, context: DiagnosisContext) -> PreprocessingDifference:
        """See base class."""
        train, validation = context.train.images, context.validation.images
        ratio = float(_deviation(validation) / max(_deviation(train), 1e-12))
        correct = context.correct("validation")
        gap = context.correct("train").mean() - correct.mean()
        if len(correct) < _FEWEST or gap <= _GAP:
            return cls(ratio, "", Estimate(0.0, 0.0, 0.0))
        return cls(ratio, *_best_transform(context, correct))


def _best_transform(
    context: DiagnosisContext, correct: np.ndarray
) -> tuple[str, Estimate]:
    """Returns the transform that one half of the images prefers, and its gain."""
    rows = np.random.Generator(np.random.PCG64(0)).permutation(
        chosen(len(correct), _MOST)
    )
    half = len(rows) // 2
    first, second = rows[:half], rows[half:]
    labels, predicted = context.validation.labels, context.predicted("validation")
    best, most = "", float(correct[first].mean())
    mended: dict[str, np.ndarray] = {}
    transforms = _transforms(context.train.images, context.validation.images)
    for name, transform in transforms.items():
        accuracy = np.mean(_predicted(context, transform, first) == labels[first])
        if accuracy > most:
            best, most = name, float(accuracy)
            mended[name] = _predicted(context, transform, second) == labels[second]
    mapped = _apply(_mapping(predicted[first], labels[first]), predicted)
    if np.mean(mapped[first] == labels[first]) > most:
        best = MAPPED_LABELS
        mended[best] = mapped[second] == labels[second]
    if not best:
        return "", Estimate(0.0, 0.0, 0.0)
    return best, paired_difference(mended[best], correct[second])


def _deviation(images: np.ndarray) -> float:
    return float(np.std(images[:_MOST], dtype=np.float64))


def _predicted(
    context: DiagnosisContext, transform: Transform, rows: np.ndarray
) -> np.ndarray:
    images = context.validation.images[rows]
    transformed = np.ascontiguousarray(transform(images), images.dtype)
    return outputs.predicted(context.program.predict(transformed))


def _transforms(train: np.ndarray, validation: np.ndarray) -> dict[str, Transform]:
    """Returns transforms that may be missing, by their description in messages."""
    low, high = float(train.min()), float(train.max())
    transforms = _scalings(train, validation) | {
        "they are inverted": lambda images: low + high - images
    }
    if not are_images(validation):
        return transforms
    transforms |= {
        "they are mirrored": lambda images: images[:, :, ::-1],
        "they are turned upside down": lambda images: images[:, ::-1],
        "they are turned by 180 degrees": lambda images: images[:, ::-1, ::-1],
    }
    if validation.shape[1] == validation.shape[2]:
        transforms |= {
            "height and width are swapped": lambda images: images.swapaxes(1, 2),
            "they are turned by 90 degrees": lambda images: np.rot90(images, 1, (1, 2)),
            "they are turned by 270 degrees": lambda images: np.rot90(
                images, 3, (1, 2)
            ),
        }
    if validation.shape[3:] == (3,):
        transforms["their channels are reversed, as BGR and RGB are"] = lambda images: (
            images[..., ::-1]
        )
    return transforms


def _scalings(train: np.ndarray, validation: np.ndarray) -> dict[str, Transform]:
    """Returns changes of scale; none for bytes, which have a single scale."""
    if validation.dtype == np.uint8:
        return {}
    scalings: dict[str, Transform] = {}
    low, high = float(train.min()), float(train.max())
    bottom, top = float(validation.min()), float(validation.max())
    wide = max(top - bottom, 1e-12)
    if abs(np.log((high - low + 1e-12) / wide)) > np.log(1.5):
        scalings[
            f"they are scaled from {bottom:.3g}..{top:.3g} to {low:.3g}..{high:.3g}"
        ] = lambda images: (images - bottom) / wide * (high - low) + low
    axes = tuple(range(train.ndim - 1))
    own = train.mean(axes), train.std(axes) + 1e-12
    other = validation.mean(axes), validation.std(axes) + 1e-12
    if _is_standard(*own) != _is_standard(*other):
        name = "are standardised" if _is_standard(*own) else "are not standardised"
        scalings[f"they {name}, as in training"] = lambda images: (
            (images - other[0]) / other[1] * own[1] + own[0]
        )
    return scalings


def _is_standard(mean: np.ndarray, deviation: np.ndarray) -> bool:
    near = np.abs(mean).max() < _STANDARD and np.abs(deviation - 1).max() < _STANDARD
    return bool(near)


def _mapping(predicted: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns the class that each prediction would have to stand for: int [K]."""
    from scipy import optimize

    classes = int(max(predicted.max(), labels.max())) + 1
    table = np.zeros((classes, classes))
    np.add.at(table, (predicted, labels), 1)
    # Where nothing supports another class, it stays as it is.
    mapping: np.ndarray = optimize.linear_sum_assignment(
        table + 1e-3 * np.eye(classes), True
    )[1]
    return mapping


def _apply(mapping: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    known = predicted < len(mapping)
    return np.where(known, mapping[np.where(known, predicted, 0)], predicted)
