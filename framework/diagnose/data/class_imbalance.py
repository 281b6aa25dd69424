"""Classes that training shows so rarely that they are not learnt."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from framework.diagnose import labels
from framework.diagnose.change import CannotChangeError, Change
from framework.diagnose.detector import Measures
from framework.diagnose.finding import Evidence, Finding, Remedy
from framework.diagnose.repair import FLOOR, Repairs, is_gain
from framework.diagnose.subject import Subject
from framework.numerics.intervals import Estimate

_EVENNESS = 0.5
_RATIO = 10.0
# Less than five points between frequent and rare classes is no cause of much.
_GAP = 0.05
# So much is imbalance for certain, though rare images drawn more often are as few.
_WIDE = 0.15
_DRAWS = 1_000


def measure(subject: Subject) -> dict[str, Any]:
    """Measures how uneven training is, and how much better frequent classes fare."""
    found = labels.classes(subject.labels["train"])
    counts = labels.counts(found, subject.num_classes)
    counts = counts[counts > 0]
    if len(counts) < 2:
        return {}
    shares = counts / counts.sum()
    entropy = -float(np.sum(shares * np.log(shares)))
    return {
        "classes/evenness": (math.exp(entropy) - 1) / (len(counts) - 1),
        "classes/ratio": float(counts.max() / counts.min()),
        "classes/gap": _gap(subject),
    }


def confirm(repairs: Repairs, measures: Measures) -> dict[str, Any]:
    """Trains on all classes equally often."""
    del measures
    if not repairs.can_afford():
        return {}
    change = Change(balance=True)
    try:
        branch = repairs.attempt("class_imbalance", change)
    except CannotChangeError:
        return {}
    right, before = repairs.rights(branch), repairs.right
    split = repairs.subject.validation.labels
    gain = _balanced(right.astype(float) - before.astype(float), split)
    if is_gain(gain):
        repairs.accept(branch, change)
    return {"classes/gain": gain}


def rule(measures: Measures) -> Finding | None:
    """Fires where classes are uneven and the rare ones pay for it."""
    evenness, ratio = measures["classes/evenness"], measures["classes/ratio"]
    gap = measures["classes/gap"]
    is_uneven = evenness < _EVENNESS or ratio > _RATIO
    if measures["labels/illegal"] or not is_uneven:
        return None
    if gap.low <= 0 or gap.value <= _GAP:
        return None
    found = Finding(
        cause="class_imbalance",
        status="suspected",
        message=(
            f"the most frequent class has {ratio:.3g} times as many training images as "
            f"the rarest, and accuracy is {gap.value:.1%} higher where classes count "
            f"as often as in training than where all count the same"
        ),
        evidence=(
            Evidence(
                "evenness of the classes",
                evenness,
                f"below {_EVENNESS}",
                "(exp H - 1) / (K - 1), TheDeepChecker",
            ),
            Evidence(
                "largest class by smallest",
                ratio,
                f"above {_RATIO:g}",
                "SageMaker Debugger, ClassImbalance",
            ),
            Evidence(
                "accuracy as training weighs the classes, less balanced accuracy",
                gap,
                f"the interval above 0, and more than {_GAP}; decisive for certain "
                f"above {_WIDE}",
                "bootstrap within each class",
            ),
        ),
        remedy=Remedy(
            "draw all classes equally often, or weigh the loss of each by the inverse "
            "of its frequency; collect more images of the rare ones"
        ),
        refute="a run on balanced batches whose balanced accuracy is no higher",
    )
    gain = measures.get("classes/gain")
    if gain is None:
        return found
    certain = is_gain(gain) or gap.low > _WIDE
    shown = Evidence(
        "gain in balanced validation accuracy on balanced batches",
        gain,
        f"the interval above 0, and {FLOOR:.0%} or more",
        "trained anew, against the run's end; bootstrap within each class",
    )
    return dataclasses.replace(
        found,
        status="confirmed" if certain else "falsified",
        evidence=(*found.evidence, shown),
        cost=gain if is_gain(gain) else gap,
    )


def _gap(subject: Subject) -> Estimate:
    """Returns by how much frequent classes do better, in validation."""
    split = subject.validation.labels
    counts = np.bincount(subject.train.labels, minlength=subject.num_classes)
    present = np.unique(split)
    weights = counts[present] / max(counts[present].sum(), 1) - 1 / len(present)
    right = subject.right("validation").astype(float)
    return _weighted(right, split, present, weights)


def _balanced(values: np.ndarray, split: np.ndarray) -> Estimate:
    """Returns the mean over classes of the mean of values [N]."""
    present = np.unique(split)
    return _weighted(values, split, present, np.full(len(present), 1 / len(present)))


def _weighted(
    values: np.ndarray, split: np.ndarray, present: np.ndarray, weights: np.ndarray
) -> Estimate:
    """Returns a weighted sum of class means, with its bootstrap interval."""
    generator = np.random.Generator(np.random.PCG64(0))
    total, draws = 0.0, np.zeros(_DRAWS)
    for each, weight in zip(present, weights, strict=True):
        members = values[split == each]
        rows = generator.integers(0, len(members), (_DRAWS, len(members)))
        total += weight * members.mean()
        # One made-up example of either kind, so that agreement is not certainty.
        noise = generator.choice([-1.0, 1.0], _DRAWS) / (len(members) + 2) / 2
        draws += weight * (members[rows].mean(axis=1) + noise)
    low, high = np.quantile(draws, [0.025, 0.975])
    return Estimate(float(total), float(low), float(high))
