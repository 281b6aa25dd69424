"""Maps metric names of Keras to those of a run, such as validation/accuracy."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

import keras

# Names of plain accuracy; top-k accuracy is another metric.
_ACCURACY = re.compile(r"(acc|(\w+_)?accuracy)(?<!top_k_categorical_accuracy)")


def named(
    split: str, reported: Mapping[str, float], weighted: Collection[str] = ()
) -> dict[str, float]:
    """Returns metrics by the names of a run, such as validation/accuracy.

    Args:
        split: Its name.
        reported: Metrics by the names of Keras.
        weighted: Names of those in which examples count by their weights: an accuracy
            among them is not that of the predictions.
    """
    reported = {
        f"weighted_{name.removeprefix('weighted_')}" if name in weighted else name: each
        for name, each in reported.items()
    }
    renamed = {f"{split}/{name}": value for name, value in reported.items()}
    accuracies = [
        name
        for name in reported
        if _ACCURACY.fullmatch(name) and not name.startswith("weighted_")
    ]
    if accuracies:
        renamed[f"{split}/accuracy"] = reported[accuracies[0]]
    return renamed


def weighted_names(model: keras.Model) -> set[str]:
    """Returns the names of the metrics in which the weights of examples count."""
    compiled = getattr(model, "_compile_metrics", None)
    names: dict[str, set[str]] = {}
    for kind in ("metrics", "weighted_metrics"):
        groups = getattr(compiled, f"_flat_{kind}", None) or ()
        names[kind] = {
            metric.name for group in groups if group for metric in group.metrics
        }
    # Of a name that is in both, Keras calls the second one weighted.
    return {
        f"weighted_{name}" if name in names["metrics"] else name
        for name in names["weighted_metrics"]
    }
