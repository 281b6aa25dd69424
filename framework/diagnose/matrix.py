"""Which images, prepared how, asked in which mode: eight accuracies, and a reading."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.diagnose import outputs
from framework.diagnose.change import CannotChangeError
from framework.diagnose.detector import Measures
from framework.diagnose.subject import Subject
from framework.numerics import metrics
from framework.numerics.intervals import Estimate, proportion

_IMAGES = 1_000
_HIGH, _NEAR = 0.9, 0.03
# A symptom, whose cause is looked for.
_COLLAPSED = 0.95


def measure(subject: Subject) -> dict[str, Any]:
    """Returns what the cross-evaluation gives, and metrics counted in numpy.

    "matrix/IMAGES/PREPARED/MODE" is an accuracy: IMAGES are of "train" or "validation";
    PREPARED is "own", or "other" for channels that were brought to the mean and spread
    of the other split; MODE is "evaluation" or "training".
    """
    found: dict[str, Any] = {}
    splits = {
        name: subject.split(name).take(
            np.arange(min(_IMAGES, len(subject.split(name))))
        )
        for name in ("train", "validation")
    }
    moments = {name: _moments(split.images) for name, split in splits.items()}
    for name, split in splits.items():
        other = "validation" if name == "train" else "train"
        prepared = {
            "own": split.images,
            "other": _brought(split.images, moments[name], moments[other]),
        }
        for how, images in prepared.items():
            for mode in (False, True):
                try:
                    said = subject.program.ask(images, mode)
                except CannotChangeError:
                    # Words are no brighter than others.
                    continue
                right = int(np.sum(outputs.predicted(said) == split.labels))
                where = f"matrix/{name}/{how}/{'training' if mode else 'evaluation'}"
                found[where] = proportion(right, len(split))
    counted = metrics.summarize(subject.predictions[-1], subject.class_names)
    return found | {f"counted/{name}": value for name, value in counted.items()}


def reading(measures: Measures) -> str:
    """Returns what the chain of accuracies says, in a sentence."""
    clean, validation = measures["clean/accuracy"], measures["validation/accuracy"]
    dev = measures.get("dev/accuracy")
    chain = f"training images {clean.value:.1%}"
    if dev is not None:
        chain += f", held out of training {dev.value:.1%}"
    chain += f", validation {validation.value:.1%}"
    found = _read(clean, dev, validation, measures["clean/majority"])
    share = measures.get("validation/largest_share", 0.0)
    if share > _COLLAPSED > measures.get("validation/majority", 1.0):
        found += f"; one class is named for {share:.0%} of the validation images"
    return f"{chain}: {found}"


def _read(
    clean: Estimate, dev: Estimate | None, validation: Estimate, majority: float
) -> str:
    if clean.low <= majority:
        return "not even the training images are learnt"
    if clean.value - validation.value <= _NEAR:
        if clean.value < _HIGH:
            return "all images alike, and none of them well: it does not learn enough"
        return "all images alike"
    if dev is None:
        return "what was learnt does not hold for the validation images"
    if dev.value - validation.value > max(_NEAR, clean.value - dev.value):
        return "it holds for images like those of training: validation is different"
    return "it was learnt by heart, and does not hold for any other images"


def _moments(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    axes = tuple(range(images.ndim - 1))
    values = images.astype(np.float64)
    return values.mean(axes), np.maximum(values.std(axes), 1e-6)


def _brought(
    images: np.ndarray,
    own: tuple[np.ndarray, np.ndarray],
    other: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:
    values = (images - own[0]) / own[1] * other[1] + other[0]
    if images.dtype == np.uint8:
        values = np.clip(np.rint(values), 0, 255)
    return values.astype(images.dtype)
