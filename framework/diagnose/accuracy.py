"""The measurements on which all else rests: how right the model is, and on what."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from framework.diagnose import outputs
from framework.diagnose.subject import Subject
from framework.numerics.intervals import difference, proportion


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
        said, right = subject.outputs(name), subject.right(name)
        found |= {
            f"{prefix}/images": len(split),
            f"{prefix}/accuracy": proportion(int(right.sum()), len(split)),
            f"{prefix}/loss": _loss(said, split.labels),
            f"{prefix}/largest_share": _largest_share(said),
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


def _loss(said: np.ndarray, labels: np.ndarray) -> float:
    """Returns mean cross-entropy in nats; of labels that have an output."""
    found = outputs.log_probabilities(said)
    known = labels < found.shape[1]
    return -float(np.mean(found[known, labels[known]])) if known.any() else math.nan


def _largest_share(said: np.ndarray) -> float:
    """Returns how often the class that is named most is named."""
    return float(np.bincount(outputs.predicted(said)).max() / len(said))
