"""Labels that are no class numbers, or no classes of this model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from framework.diagnose import labels
from framework.diagnose.detector import Measures
from framework.diagnose.finding import Evidence, Finding, Remedy
from framework.diagnose.subject import Subject

# Rows of float32 shares are no further from 1; label smoothing and mixup keep to it.
_SUM_TOLERANCE = 1e-3
_KINDS = {
    "not_finite": "are not a number",
    "fractions": "are not whole numbers",
    "outside": "name a class that the model has no output for",
    "bad_rows": "are rows that do not sum to 1",
}
_SOURCE = "by definition: a class is a whole number from 0 to K - 1"


def measure(subject: Subject) -> dict[str, Any]:
    """Counts labels that no loss could make sense of, and the classes that are left."""
    outputs = subject.outputs("validation").shape[1]
    found: dict[str, Any] = {"labels/outputs": outputs}
    for split in ("train", "validation"):
        given = np.asarray(subject.labels[split])
        counted = _table(given) if labels.is_table(given) else _numbers(given, outputs)
        counted["images"] = len(given)
        found |= {f"labels/{split}/{name}": each for name, each in counted.items()}
    # All that rests on labels is void then, and says nothing.
    found["labels/illegal"] = _has_illegal(found) or _are_one(found)
    return found


def rule(measures: Measures) -> Finding | None:
    """Fires at a single illegal label, or where all images have the same one."""
    if not measures["labels/illegal"]:
        return None
    evidence, parts = [], []
    for split in ("train", "validation"):
        for kind, text in _KINDS.items():
            count = measures[f"labels/{split}/{kind}"]
            if not count:
                continue
            examples = measures[f"labels/{split}/examples"]
            total = measures[f"labels/{split}/images"]
            parts.append(f"{count:,} of {total:,} {split} labels {text}: {examples}")
            name = f"{split} labels that {text}"
            evidence.append(Evidence(name, str(count), "1 or more", _SOURCE))
    if _are_one(measures):
        parts.append(
            "as whole numbers all training labels are one class; validation has "
            f"{measures['labels/validation/classes']}"
        )
        evidence.append(
            Evidence(
                "classes in training, as whole numbers",
                str(measures["labels/train/classes"]),
                "fewer than 2, while validation has more",
                _SOURCE,
            )
        )
    return Finding(
        cause="illegal_labels",
        status="confirmed",
        message="; ".join(parts),
        evidence=tuple(evidence),
        remedy=Remedy(
            "undo what was done to the labels (were they scaled along with the images, "
            "or cast?), and number the classes from 0 to K - 1"
        ),
        refute="np.unique of the labels that were passed: all are whole, 0 to K - 1",
    )


def _are_one(measures: Mapping[str, Any]) -> bool:
    train, validation = (
        measures[f"labels/{split}/classes"] for split in ("train", "validation")
    )
    return train < 2 <= validation


def _has_illegal(measures: Mapping[str, Any]) -> bool:
    return any(
        measures[f"labels/{split}/{kind}"]
        for split in ("train", "validation")
        for kind in _KINDS
    )


def _numbers(given: np.ndarray, outputs: int) -> dict[str, Any]:
    values = given.reshape(-1).astype(np.float64)
    finite = np.isfinite(values)
    fractions = finite & (values != np.round(values))
    # One sigmoid may be taught shares, as long as they are on both sides of a half.
    shares = outputs == 1 and np.all((values >= 0) & (values <= 1))
    if shares and values.min() < 0.5 < values.max():
        values = np.round(values)
        fractions[:] = False
    most = max(outputs, 2)
    outside = finite & ~fractions & ((values < 0) | (values >= most))
    # Of more classes than outputs it is the model that is wrong, not the labels.
    if len(np.unique(values[finite & ~fractions])) > most:
        outside[:] = False
    illegal = ~finite | fractions | outside
    return {
        "not_finite": int(np.sum(~finite)),
        "fractions": int(fractions.sum()),
        "outside": int(outside.sum()),
        "bad_rows": 0,
        "examples": _examples(values[illegal]),
        "classes": len(np.unique(labels.classes(values))),
    }


def _table(given: np.ndarray) -> dict[str, Any]:
    rows = given.reshape(len(given), -1).astype(np.float64)
    finite = np.isfinite(rows).all(axis=1)
    sums = np.where(np.isfinite(rows), rows, 0).sum(axis=1)
    bad = finite & (np.abs(sums - 1) > _SUM_TOLERANCE)
    return {
        "not_finite": int(np.sum(~finite)),
        "fractions": 0,
        "outside": 0,
        "bad_rows": int(bad.sum()),
        "examples": f"sums of {_examples(sums[bad])}" if bad.any() else "nan",
        "classes": len(np.unique(labels.classes(given))),
    }


def _examples(values: np.ndarray) -> str:
    return ", ".join(f"{value:.3g}" for value in np.unique(values)[:3])
