"""The measurements on which all else rests: how right the model is, and on what."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.diagnose.statistics import difference, proportion
from framework.diagnose.subject import Subject


def measure(subject: Subject) -> dict[str, Any]:
    """Returns accuracy and loss on all splits, in evaluation and in training mode.

    "clean/..." is of images that are trained on, in evaluation mode; "dev/..." of those
    held out of the same split; "validation/...".
    """
    found: dict[str, Any] = {"classes": subject.num_classes}
    for prefix, name in (
        ("clean", "train"),
        ("dev", "dev"),
        ("validation", "validation"),
    ):
        split = subject.split(name)
        if not len(split):
            continue
        logits, right = subject.logits(name), subject.right(name)
        found |= {
            f"{prefix}/images": len(split),
            f"{prefix}/accuracy": proportion(int(right.sum()), len(split)),
            f"{prefix}/loss": _loss(logits, split.labels),
            f"{prefix}/largest_share": _largest_share(logits),
            f"{prefix}/majority": float(np.bincount(split.labels).max() / len(split)),
        }
    found["training_mode/accuracy"] = proportion(
        int(subject.right("train", training=True).sum()), len(subject.train)
    )
    found["gap/clean_validation"] = difference(
        found["clean/accuracy"], found["validation/accuracy"]
    )
    if "dev/accuracy" in found:
        clean, dev = found["clean/accuracy"], found["dev/accuracy"]
        found["gap/clean_dev"] = difference(clean, dev)
        found["gap/dev_validation"] = difference(dev, found["validation/accuracy"])
    return found


def _loss(logits: np.ndarray, labels: np.ndarray) -> float:
    """Returns mean cross-entropy in nats."""
    logits = logits.astype(np.float64)
    peak = logits.max(axis=1)
    total = peak + np.log(np.exp(logits - peak[:, None]).sum(axis=1))
    return float(np.mean(total - logits[np.arange(len(labels)), labels]))


def _largest_share(logits: np.ndarray) -> float:
    """Returns how often the class that is named most is named."""
    return float(np.bincount(logits.argmax(axis=1)).max() / len(logits))
