"""Splits that do not hold the same classes, such as a slice of sorted images."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.diagnose import labels
from framework.diagnose.detector import Measures
from framework.diagnose.finding import Evidence, Finding, Remedy
from framework.diagnose.subject import Subject
from framework.numerics.intervals import Estimate, proportion

# The usual threshold of a class in no more than name: a hundredth of what validation
# would lead one to expect.
_ABSENT = 0.01
# So many images that were to be expected are not missing by chance: p = exp(-10).
_EXPECTED = 10
_LEVEL = 0.01
# deepchecks warns of a label drift from 0.15 on; a tenth is our own, with an effect.
_DISTANCE = 0.1
_PERMUTATIONS = 999
# In how many equal parts of the storage order labels are compared with one another.
_PARTS = 10
_SORTED_BITS = 0.5


def measure(subject: Subject) -> dict[str, Any]:
    """Compares the classes of the splits, and looks for an order in the labels."""
    train, validation = (
        labels.classes(subject.labels[split]) for split in ("train", "validation")
    )
    most = max(subject.num_classes, train.max() + 1, validation.max() + 1)
    first, second = labels.counts(train, most), labels.counts(validation, most)
    shares = first / max(first.sum(), 1), second / max(second.sum(), 1)
    absent = (second > 0) & (shares[0] < _ABSENT * shares[1])
    missing = (second == 0) & (shares[0] * second.sum() >= _EXPECTED)
    return {
        "split/unseen": proportion(int(second[absent].sum()), int(second.sum())),
        "split/unseen_classes": _names(subject.class_names, absent),
        "split/missing_classes": _names(subject.class_names, missing),
        "split/distance": float(np.abs(shares[0] - shares[1]).sum() / 2),
        "split/p": _p(first, second),
        "split/order_bits": max(_bits(train), _bits(validation)),
    }


def rule(measures: Measures) -> Finding | None:
    """Fires where one split lacks a class of the other."""
    if measures["labels/illegal"]:
        return None
    unseen = measures["split/unseen_classes"]
    missing = measures["split/missing_classes"]
    is_other = measures["split/p"] < _LEVEL and measures["split/distance"] > _DISTANCE
    if not is_other or not (unseen or missing):
        return None
    share: Estimate = measures["split/unseen"]
    parts = []
    if unseen:
        parts.append(
            f"{share.value:.1%} of the validation images are of classes that training "
            f"never shows: {unseen}"
        )
    if missing:
        parts.append(f"validation has no image of {missing}, which training has")
    if measures["split/order_bits"] > _SORTED_BITS:
        parts.append("images are stored in the order of their classes")
    return Finding(
        cause="split_artifact",
        status="confirmed",
        message="; ".join(parts),
        evidence=_evidence(measures),
        remedy=Remedy(
            "shuffle before splitting, or split each class in the same proportion "
            "(stratify); validation_split of Keras takes the last images as they are"
        ),
        refute="np.bincount of the labels of both splits: the same classes in each",
        cost=share if unseen else None,
    )


def _evidence(measures: Measures) -> tuple[Evidence, ...]:
    return (
        Evidence(
            "validation images of unseen classes",
            measures["split/unseen"],
            f"classes with less than {_ABSENT:.0%} of their share in training",
            "by counting",
        ),
        Evidence(
            "distance of the class shares",
            measures["split/distance"],
            f"above {_DISTANCE}",
            "total variation; deepchecks warns from 0.15 on",
        ),
        Evidence(
            "p of equal class shares",
            measures["split/p"],
            f"below {_LEVEL}",
            "chi-squared, by permutation where fewer than 5 are expected",
        ),
        Evidence(
            "order of the labels as stored, in bits",
            measures["split/order_bits"],
            f"above {_SORTED_BITS}: sorted",
            f"mutual information with the place, in {_PARTS} parts, less that of "
            "shuffled ones",
        ),
    )


def _names(names: tuple[str, ...], chosen: np.ndarray) -> str:
    found = [
        names[index] if index < len(names) else f"class {index}"
        for index in np.flatnonzero(chosen)
    ]
    return ", ".join(found[:5]) + (" and others" if len(found) > 5 else "")


def _p(first: np.ndarray, second: np.ndarray) -> float:
    """Returns the p of the chi-squared test of equal shares."""
    from scipy import stats

    table = np.stack([first, second])[:, first + second > 0]
    if table.shape[1] < 2 or not table.sum(axis=1).all():
        return 1.0
    statistic, p, _, expected = stats.chi2_contingency(table)
    if expected.min() >= 5:
        return float(p)
    generator = np.random.Generator(np.random.PCG64(0))
    rows = generator.multivariate_hypergeometric(
        table.sum(axis=0), int(table[1].sum()), _PERMUTATIONS
    )
    others = np.stack([table.sum(axis=0) - rows, rows], axis=1)
    found = np.sum((others - expected) ** 2 / expected, axis=(1, 2))
    return float((1 + np.sum(found >= statistic - 1e-9)) / (_PERMUTATIONS + 1))


def _bits(found: np.ndarray) -> float:
    """Returns the mutual information of label and place, less that of chance."""
    found = found[found >= 0]
    if len(found) < 2 * _PARTS:
        return 0.0
    shuffled = np.random.Generator(np.random.PCG64(0)).permutation(found)
    return max(_information(found) - _information(shuffled), 0.0)


def _information(found: np.ndarray) -> float:
    part = np.arange(len(found)) * _PARTS // len(found)
    joint = np.zeros((_PARTS, found.max() + 1))
    np.add.at(joint, (part, found), 1 / len(found))
    outer = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    has = joint > 0
    return float(np.sum(joint[has] * np.log2(joint[has] / outer[has])))
