"""Validation images that training has shown."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.diagnose.copies import likeness
from framework.diagnose.data.without import train_without
from framework.diagnose.detector import Measures
from framework.diagnose.finding import Evidence, Finding, Remedy
from framework.diagnose.look import chosen
from framework.diagnose.repair import FLOOR, Repairs, status
from framework.diagnose.subject import Subject
from framework.numerics.intervals import Estimate, difference, proportion

# Saved anew as JPEG, or moved by a pixel, images keep a correlation of .954 to 1. But
# so alike are also strangers among digits of 8x8 pixels; hence no less than of all but
# a hundredth of the pairs within training, which no split has torn apart.
_ALIKE, _QUANTILE = 0.95, 0.99
# Strangers among digits, clothes and flowers came to .994.
_SAME = 0.995
_RATE, _CERTAIN = 0.01, 0.005
# Where training itself holds copies, as after augmenting before the split, what is the
# same must be more than any collection has by nature: CIFAR-10 has 3 %.
_MANY = 0.05
_MOST, _PAIRS = 2_000, 1_000


def measure(subject: Subject) -> dict[str, Any]:
    """Looks up validation images among training images, and these among themselves."""
    train = subject.train.images
    rows = chosen(len(subject.validation), _MOST)
    own = chosen(len(train), _PAIRS)
    if len(rows) < 2 or len(own) < 2:
        return {}
    across = likeness(subject.validation.images[rows], train)
    within = likeness(train[own], train, own)
    # Among copies the quantile is 1, and nothing would be more alike.
    alike = min(max(_ALIKE, float(np.quantile(within, _QUANTILE))), _SAME)
    right = subject.right("validation")[rows]
    copied = across >= alike
    return {
        "leak/alike": alike,
        "leak/rate": _share(copied),
        "leak/within": _share(within >= alike),
        "leak/same": _share(across >= _SAME),
        "leak/accuracy": _share(right[copied]),
        "leak/other_accuracy": _share(right[~copied]),
        "leak/exact": _share(across == 1),
    }


def rule(measures: Measures) -> Finding | None:
    """Fires where copies are many, and the model is better on them."""
    rate, same = measures["leak/rate"], measures["leak/same"]
    excess = difference(rate, measures["leak/within"])
    is_leak = excess.value >= _RATE and excess.low > _CERTAIN
    if not is_leak and same.low <= _MANY:
        return None
    effect = difference(measures["leak/accuracy"], measures["leak/other_accuracy"])
    gain = measures.get("leak/gain")
    # Without an effect nobody is deceived; where most are copies, too few others are
    # left to see one without an experiment.
    return Finding(
        cause="split_leakage",
        status="confirmed" if effect.low > 0 else status(gain),
        message=(
            f"{rate.value:.1%} of the validation images are copies of training images; "
            f"the model is right about {measures['leak/accuracy'].value:.1%} of them, "
            f"and about {measures['leak/other_accuracy'].value:.1%} of the others"
        ),
        evidence=(
            Evidence(
                "copies among validation images",
                rate,
                f"correlation of {measures['leak/alike']:.3g} or more",
                f"{_ALIKE}, or what {1 - _QUANTILE:.0%} of training images exceed",
            ),
            Evidence(
                "more than among training images",
                excess,
                f"{_RATE:.0%} or more, for certain above {_CERTAIN:.1%}; or the same "
                f"images, for certain above {_MANY:.0%}",
                "images of one source are as alike in either split",
            ),
            Evidence("the same images", same, f"{_SAME} or more", "up to compression"),
            Evidence(
                "accuracy on copies less that on others",
                effect,
                "the interval above 0",
                "Newcombe, 1998",
            ),
            *_tried(gain),
        ),
        remedy=Remedy(
            "remove the copies from one of the splits; split by source (person, film, "
            "original), before anything is augmented or drawn twice"
        ),
        refute="accuracy on validation images without the copies: it is the same",
        cost=_scaled(effect, rate.value) if effect.low > 0 else gain,
    )


def confirm(repairs: Repairs, measures: Measures) -> dict[str, Any]:
    """Trains without the copies, and without as many others of the same classes."""
    train, validation = repairs.subject.train, repairs.subject.validation
    copies = likeness(train.images, validation.images) >= measures["leak/alike"]
    gain = train_without(repairs, "split_leakage", copies)
    return {} if gain is None else {"leak/gain": _scaled(gain, -1.0)}


def _tried(gain: Estimate | None) -> tuple[Evidence, ...]:
    if gain is None:
        return ()
    return (
        Evidence(
            "fall of validation accuracy once training is without the copies",
            gain,
            f"the interval above 0, and {FLOOR:.0%} or more",
            "trained anew, against the same without as many others of the same classes",
        ),
    )


def _scaled(estimate: Estimate, factor: float) -> Estimate:
    low, high = sorted((factor * estimate.low, factor * estimate.high))
    return Estimate(factor * estimate.value, low, high)


def _share(found: np.ndarray) -> Estimate:
    return proportion(int(found.sum()), len(found))
