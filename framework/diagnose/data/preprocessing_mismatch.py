"""Validation images, or labels, that were prepared in another way than training's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from framework.diagnose import outputs
from framework.diagnose.detector import Measures
from framework.diagnose.finding import Evidence, Finding, Remedy
from framework.diagnose.look import chosen
from framework.diagnose.pictures import are_images
from framework.diagnose.subject import Subject
from framework.numerics.intervals import Estimate, paired_difference

# A change of all images at once that brings so much is no accident: it is chosen on
# one half of them and measured on the other.
_GAIN = 0.05
# Where validation is as good as training there is nothing to gain.
_GAP = 0.05
# Nobody photographs ten times as many levels in validation.
_RATIO = 10.0
# Standardised images have mean 0 and standard deviation 1 within so much.
_STANDARD = 0.15
_MOST = 600
_FEWEST = 20
# Standard deviations from chance: labels of either split fit their images.
_SEES = 5.0
_LABELS = "their class numbers are mapped to others"

Transform = Callable[[np.ndarray], np.ndarray]


def measure(subject: Subject) -> dict[str, Any]:
    """Measures what one change of all validation images brings, without training."""
    train, validation = subject.train.images, subject.validation.images
    ratio = _spread(validation) / max(_spread(train), 1e-12)
    right, clean = subject.right("validation"), subject.right("train")
    found = {
        "mismatch/ratio": float(ratio),
        "mismatch/transform": "",
        "mismatch/gain": Estimate(0.0, 0.0, 0.0),
    }
    if len(right) < _FEWEST or clean.mean() - right.mean() <= _GAP:
        return found
    rows = np.random.Generator(np.random.PCG64(0)).permutation(
        chosen(len(right), _MOST)
    )
    half = len(rows) // 2
    first, second = rows[:half], rows[half:]
    labels = subject.validation.labels
    rights: dict[str, np.ndarray] = {}
    best, most = "", float(right[first].mean())
    for name, transform in _transforms(train, validation).items():
        said = _said(subject, transform, first)
        if np.mean(said == labels[first]) > most:
            best, most = name, float(np.mean(said == labels[first]))
            rights[name] = _said(subject, transform, second) == labels[second]
    mapping = _mapping(subject.predicted("validation")[first], labels[first])
    mapped = _apply(mapping, subject.predicted("validation"))
    if np.mean(mapped[first] == labels[first]) > most:
        best = _LABELS
        rights[best] = mapped[second] == labels[second]
    if best:
        found["mismatch/transform"] = best
        found["mismatch/gain"] = paired_difference(rights[best], right[second])
    return found


def rule(measures: Measures) -> Finding | None:
    """Fires where one change of all validation images makes the model right."""
    gain, ratio = measures["mismatch/gain"], measures["mismatch/ratio"]
    has_gain = gain.low > _GAIN
    if measures["mismatch/transform"] == _LABELS and _are_other_labels(measures):
        has_gain = False
    is_scale = not 1 / _RATIO < ratio < _RATIO
    if not has_gain and not is_scale:
        return None
    clean, accuracy = measures["clean/accuracy"], measures["validation/accuracy"]
    evidence = [
        Evidence(
            "spread of validation images by that of training images",
            ratio,
            f"{_RATIO:g} or more, or its inverse: another scale",
            "our own choice: no light does that",
        )
    ]
    if has_gain:
        transform = measures["mismatch/transform"]
        message = (
            f"the model is right about {gain.value:.1%} more of the validation images "
            f"once {transform}: the splits are prepared differently"
        )
        evidence.insert(
            0,
            Evidence(
                f"gain in validation accuracy once {transform}",
                gain,
                f"for certain above {_GAIN}",
                "chosen on one half of the images, measured on the other; no training",
            ),
        )
    else:
        message = (
            f"the values of validation images spread {ratio:.3g} times as far as those "
            f"of training images: one of the splits was scaled and the other was not"
        )
    return Finding(
        cause="preprocessing_mismatch",
        status="confirmed" if has_gain or clean.low > accuracy.high else "suspected",
        message=message,
        evidence=tuple(evidence),
        remedy=Remedy(
            "prepare both splits by one function: the same scale, channel order, "
            "orientation and class numbers"
        ),
        refute="the same image through both pipelines: equal pixels and labels",
        cost=gain if has_gain else None,
    )


def _are_other_labels(measures: Measures) -> bool:
    """Returns whether labels are at fault in a way that no mapping would mend."""
    blind = [measures[f"probe/{name}"].z < _SEES for name in ("train", "validation")]
    return any(blind) or bool(measures["split/unseen_classes"])


def _spread(images: np.ndarray) -> float:
    return float(np.std(images[:_MOST], dtype=np.float64))


def _said(subject: Subject, transform: Transform, rows: np.ndarray) -> np.ndarray:
    images = subject.validation.images[rows]
    changed = np.ascontiguousarray(transform(images), images.dtype)
    return outputs.predicted(subject.program.ask(changed))


def _transforms(train: np.ndarray, validation: np.ndarray) -> dict[str, Transform]:
    """Returns what may have been forgotten, by what it reads like."""
    low, high = float(train.min()), float(train.max())
    found = _scalings(train, validation) | {
        "they are inverted": lambda images: low + high - images
    }
    if not are_images(validation):
        return found
    found |= {
        "they are mirrored": lambda images: images[:, :, ::-1],
        "they are turned upside down": lambda images: images[:, ::-1],
        "they are turned by 180 degrees": lambda images: images[:, ::-1, ::-1],
    }
    if validation.shape[1] == validation.shape[2]:
        found |= {
            "height and width are swapped": lambda images: images.swapaxes(1, 2),
            "they are turned by 90 degrees": lambda images: np.rot90(images, 1, (1, 2)),
            "they are turned by 270 degrees": lambda images: np.rot90(
                images, 3, (1, 2)
            ),
        }
    if validation.shape[3:] == (3,):
        found["their channels are reversed, as BGR and RGB are"] = lambda images: (
            images[..., ::-1]
        )
    return found


def _scalings(train: np.ndarray, validation: np.ndarray) -> dict[str, Transform]:
    """Returns changes of scale; bytes have but one."""
    if validation.dtype == np.uint8:
        return {}
    found: dict[str, Transform] = {}
    low, high = float(train.min()), float(train.max())
    bottom, top = float(validation.min()), float(validation.max())
    wide = max(top - bottom, 1e-12)
    if abs(np.log((high - low + 1e-12) / wide)) > np.log(1.5):
        found[
            f"they are scaled from {bottom:.3g}..{top:.3g} to {low:.3g}..{high:.3g}"
        ] = lambda images: (images - bottom) / wide * (high - low) + low
    axes = tuple(range(train.ndim - 1))
    ours = train.mean(axes), train.std(axes) + 1e-12
    theirs = validation.mean(axes), validation.std(axes) + 1e-12
    if _is_standard(*ours) != _is_standard(*theirs):
        name = "are standardised" if _is_standard(*ours) else "are not standardised"
        found[f"they {name}, as in training"] = lambda images: (
            (images - theirs[0]) / theirs[1] * ours[1] + ours[0]
        )
    return found


def _is_standard(mean: np.ndarray, spread: np.ndarray) -> bool:
    near = np.abs(mean).max() < _STANDARD and np.abs(spread - 1).max() < _STANDARD
    return bool(near)


def _mapping(predicted: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns which class each prediction would have to stand for: int [K]."""
    from scipy import optimize

    classes = int(max(predicted.max(), labels.max())) + 1
    table = np.zeros((classes, classes))
    np.add.at(table, (predicted, labels), 1)
    # Where nothing speaks for another class, it stays as it is.
    return optimize.linear_sum_assignment(table + 1e-3 * np.eye(classes), True)[1]


def _apply(mapping: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    known = predicted < len(mapping)
    return np.where(known, mapping[np.where(known, predicted, 0)], predicted)
