"""Training images that are many, but show few different things."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.diagnose.change import Change
from framework.diagnose.copies import likeness
from framework.diagnose.detector import Measures
from framework.diagnose.finding import Evidence, Finding, Remedy
from framework.diagnose.look import Sample, chosen, look
from framework.diagnose.pictures import are_images
from framework.diagnose.subject import Subject
from framework.numerics.intervals import proportion

# By chance it would be a twentieth that lies further than all but a twentieth.
_UNCOVERED, _QUANTILE = 0.15, 0.95
# Correlations of pixels. Strangers among digits of 8x8 pixels exceed .97 one time in
# twenty; and no less than of all but a hundredth of as many validation images.
_ALIKE, _RARE, _REPEATED = 0.97, 0.99, 0.2
# More of both than this needs no experiment, where there is a gap; our own choice.
_MOSTLY, _GAP = 0.5, 0.1
_MOST, _FEWEST = 800, 30
_AUGMENT = "rotate(15) + shift(.1) + zoom(.1) + brightness(.2)"


def measure(subject: Subject) -> dict[str, Any]:
    """Measures how close training images are to one another and to validation."""
    samples = look(subject)
    size = min(_MOST, *(len(each) for each in samples.values()))
    if size < _FEWEST or not are_images(subject.train.images):
        return {}
    train, validation = (
        samples[name].take(chosen(len(samples[name]), size))
        for name in ("train", "validation")
    )
    among, across = _nearest(train, train), _nearest(validation, train)
    far = across > np.quantile(among, _QUANTILE)
    repeats, usual = (
        _repeats(subject.split(name).images[each.rows])
        for name, each in (("train", train), ("validation", validation))
    )
    near = repeats >= max(_ALIKE, float(np.quantile(usual, _RARE)))
    return {
        "diversity/uncovered": proportion(int(far.sum()), size),
        "diversity/repeated": proportion(int(near.sum()), size),
    }


def rule(measures: Measures) -> Finding | None:
    """Fires where training repeats itself, and validation is unlike any of it."""
    uncovered = measures["diversity/uncovered"]
    repeated = measures["diversity/repeated"]
    if measures["mismatch/gain"].low > 0:
        return None
    if uncovered.low <= _UNCOVERED or repeated.low <= _REPEATED:
        return None
    gap = measures["gap/clean_validation"]
    # That augmentation is of no help does not make up for images that are missing.
    certain = min(uncovered.low, repeated.low) > _MOSTLY and gap.low > _GAP
    return Finding(
        cause="homogeneous_training_data",
        status="confirmed" if certain else "suspected",
        message=(
            f"{repeated.value:.1%} of the training images nearly repeat another one, "
            f"and {uncovered.value:.1%} of the validation images are unlike all of them"
        ),
        evidence=(
            Evidence(
                "training images that repeat another",
                repeated,
                f"for certain above {_REPEATED}; decisive above {_MOSTLY}",
                f"correlation of pixels of {_ALIKE} or more, and more than that of "
                f"{_RARE:.0%} of as many validation images",
            ),
            Evidence(
                "validation images that training does not cover",
                uncovered,
                f"for certain above {_UNCOVERED}; decisive above {_MOSTLY}",
                f"further from training than {_QUANTILE:.0%} of training images from "
                "one another",
            ),
            Evidence(
                "accuracy on training images less that on validation images",
                gap,
                f"for certain above {_GAP}, for the others to be decisive",
                "evaluation mode, no augmentation",
            ),
        ),
        remedy=Remedy(
            "collect images of more sources; until then, augment",
            (f"--augment={_with_present(measures)}",),
        ),
        refute="a run with that augmentation that ends no higher",
    )


def change(measures: Measures) -> Change:
    """Returns what would mend some of it."""
    return Change(augment=_with_present(measures))


def _with_present(measures: Measures) -> str:
    """Returns the augmentation after what is in place already."""
    present = measures["settings"].get("augment") or ""
    return " + ".join(each for each in (present, _AUGMENT) if each)


def _repeats(images: np.ndarray) -> np.ndarray:
    return likeness(images, images, np.arange(len(images)))


def _nearest(some: Sample, others: Sample) -> np.ndarray:
    """Returns the distance of each to the nearest other one: float [N]."""
    first, second = some.features, others.features
    squares = (first**2).sum(axis=1)[:, None] + (second**2).sum(axis=1)
    squares = squares - 2 * first @ second.T
    if some is others:
        np.fill_diagonal(squares, np.inf)
    return np.sqrt(np.maximum(squares.min(axis=1), 0))
