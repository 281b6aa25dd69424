"""Whether one transform of all validation images, or labels, restores accuracy."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from framework.diagnose.core.measurement import Measurement
from framework.diagnose.measure.features import are_images
from framework.diagnose.measure.near_duplicates import Copies
from framework.numerics import outputs
from framework.numerics.intervals import Estimate, paired_difference

if TYPE_CHECKING:
    from framework.diagnose.core.context import DiagnosisContext

# Where validation is as good as training there is nothing to gain.
_GAP = 0.05
# Standardised images have mean 0 and standard deviation 1 within this.
_STANDARD = 0.15
# Ranges of values that differ by less are one scale, seen by other images.
_WIDER, _SHIFTED = 1.5, 0.25
# At least this fraction of the values lies below 0 once images are centred: of digits,
# clothes and flowers .54 to .61.
_NEGATIVE = 0.1
_MOST = 600
# Images that choose; the others judge.
_CHOOSING = 300
# With the first ones of these, transforms are left out that hurt for certain.
_SCREENED = 100
_FEWEST = 20
MAPPED_LABELS = "their class numbers are mapped to others"

_NO_GAIN = Estimate(0.0, 0.0, 0.0)

Transform = Callable[[np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True)
class PreprocessingDifference(Measurement):
    """The best of a list of transforms, without training.

    Attributes:
        scale_ratio: Standard deviation of validation values by that of training's.
        transform: The best one, in words after "once ..."; "" for none.
        gain: Its gain in accuracy, on images that it was not chosen by.
        is_chosen_twice: Whether another sample of the images chooses it as well, or
            another scaling where it is one; then all images show the gain.
        is_signed_apart: Whether one split alone has values below 0, as standardised
            images have: no light does that.
        is_moved: Whether besides that a tenth of its values are below 0, and its
            moments are apart as well: noise that is added to images leaves their mean.
        renumbered: Where class numbers are mapped: each number that training gives a
            class, and the other number that validation gives it.
    """

    scale_ratio: float
    transform: str
    gain: Estimate
    is_chosen_twice: bool = False
    is_signed_apart: bool = False
    is_moved: bool = False
    renumbered: tuple[tuple[int, int], ...] = ()

    @classmethod
    def measure(cls, context: DiagnosisContext) -> PreprocessingDifference:
        """See base class."""
        train, validation = context.train.images, context.validation.images
        deviations = _deviation(train), _deviation(validation)
        ratio = float(deviations[1] / max(deviations[0], 1e-12))
        if not any(deviations):
            # Both splits are constant: that is no difference.
            ratio = 1.0
        correct, judges = context.correct("validation"), _judges(context)
        if len(judges) < _FEWEST:
            return cls(ratio, "", _NO_GAIN)
        gap = context.correct("train").mean() - correct[judges].mean()
        if gap <= _GAP:
            return cls(ratio, "", _NO_GAIN)
        best, gain, is_chosen_twice = _best_transform(context, correct, judges)
        return cls(
            scale_ratio=ratio,
            transform=best,
            gain=gain,
            is_chosen_twice=is_chosen_twice,
            is_signed_apart=bool((train.min() < 0) != (validation.min() < 0)),
            is_moved=is_moved(train, validation),
            renumbered=_renumbered(context) if best == MAPPED_LABELS else (),
        )


def _judges(context: DiagnosisContext) -> np.ndarray:
    """Returns the validation images that are no copies of training images: int [M].

    What a mirrored copy gains once it is mirrored back tells nothing of the others.
    """
    rows = np.arange(len(context.validation))
    copies = context.measurements.find(Copies)
    return rows if copies is None else rows[~copies.are_copies]


def _best_transform(
    context: DiagnosisContext, correct: np.ndarray, judges: np.ndarray
) -> tuple[str, Estimate, bool]:
    """Returns the best transform, its gain, and whether two samples choose it."""
    rows = np.random.Generator(np.random.PCG64(0)).permutation(judges)
    size = min(len(rows) // 2, _CHOOSING)
    samples = rows[:size], rows[-size:]
    train, validation = context.train.images, context.validation.images
    transforms = _transforms(train, validation)
    chosen, again = (_choice(context, transforms, each) for each in samples)
    # Ways to scale the values are one transform, of which samples may choose another.
    both_scale = {chosen, again} <= set(_scalings(train, validation))
    is_chosen_twice = bool(chosen) and (chosen == again or both_scale)
    best = chosen or again
    if not best:
        return "", _NO_GAIN, False
    # No image may judge what it has chosen.
    chooser = samples[0] if chosen else samples[1]
    others = np.setdiff1d(rows, chooser)
    tested = others if not is_chosen_twice else rows
    mended = np.zeros(len(correct), bool)
    mended[others] = _mended(context, transforms.get(best), chooser, others)
    if is_chosen_twice:
        mended[chooser] = _mended(context, transforms.get(again), samples[1], chooser)
    gain = paired_difference(mended[tested], correct[tested])
    return best, gain, is_chosen_twice


def is_moved(train: np.ndarray, validation: np.ndarray) -> bool:
    """Returns whether one split alone was centred or standardised, by its values.

    Args:
        train: Of any shape and type [N, ...].
        validation: The same.
    """
    values = [np.asarray(each[:_MOST], np.float64) for each in (train, validation)]
    below = [float(np.mean(each < 0)) for each in values]
    means = [float(each.mean()) for each in values]
    deviations = [float(each.std()) for each in values]
    if min(below) > 0 or max(below) < _NEGATIVE or not min(deviations):
        return False
    is_wider = max(deviations) > _WIDER * min(deviations)
    return is_wider or abs(means[0] - means[1]) > _SHIFTED * min(deviations)


def _renumbered(context: DiagnosisContext) -> tuple[tuple[int, int], ...]:
    """Returns the classes of other numbers: (in training, in validation)."""
    mapping = _mapping(context.predicted("validation"), context.validation.labels)
    return tuple((old, int(new)) for old, new in enumerate(mapping) if old != new)


def _choice(
    context: DiagnosisContext, transforms: dict[str, Transform], rows: np.ndarray
) -> str:
    """Returns the transform with which most of some images are right; "" for none."""
    own, first = context.correct("validation"), rows[:_SCREENED]
    best, most = "", float(own[rows].mean())
    for name, transform in [*transforms.items(), (MAPPED_LABELS, None)]:
        mended = _mended(context, transform, rows, first)
        if paired_difference(mended, own[first]).high < 0:
            # What hurts for certain helps none of the others.
            continue
        if len(rows) > len(first):
            rest = _mended(context, transform, rows, rows[_SCREENED:])
            mended = np.concatenate([mended, rest])
        accuracy = float(mended.mean())
        if accuracy > most:
            best, most = name, accuracy
    return best


def _mended(
    context: DiagnosisContext,
    transform: Transform | None,
    known: np.ndarray,
    rows: np.ndarray,
) -> np.ndarray:
    """Returns which images are right once transformed: bool [len(rows)].

    Args:
        context: With the images, labels and predictions.
        transform: None for a mapping of the classes.
        known: The images that a mapping is taken from.
        rows: The images to judge.
    """
    labels, predicted = context.validation.labels, context.predicted("validation")
    if transform is None:
        mapping = _mapping(predicted[known], labels[known])
        return np.asarray(_apply(mapping, predicted[rows]) == labels[rows])
    return np.asarray(_predicted(context, transform, rows) == labels[rows])


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
    wide, width = max(top - bottom, 1e-12), high - low + 1e-12
    is_wider = abs(np.log(width / wide)) > np.log(_WIDER)
    if is_wider or abs(bottom - low) > _SHIFTED * width:
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
    if _is_standard(*_of_each(train)) and not _is_standard(*_of_each(validation)):
        scalings["each of them is standardised, as in training"] = _each_standard
    return scalings


def _of_each(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the mean and the standard deviation of some images: float [N]."""
    flat = np.asarray(images[:_MOST], np.float64).reshape(min(len(images), _MOST), -1)
    return flat.mean(axis=1), flat.std(axis=1)


def _each_standard(images: np.ndarray) -> np.ndarray:
    """Returns images of mean 0 and standard deviation 1 each."""
    axes = tuple(range(1, images.ndim))
    mean, deviation = (
        each(images, axis=axes, keepdims=True) for each in (np.mean, np.std)
    )
    result: np.ndarray = (images - mean) / np.maximum(deviation, 1e-6)
    return result


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
