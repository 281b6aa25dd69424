"""Maps metric names of Keras to those of a run, such as validation/accuracy."""

from __future__ import annotations

import re
from collections.abc import Mapping

# Names of plain accuracy; top-k accuracy is another metric.
_ACCURACY = re.compile(r"(acc|(\w+_)?accuracy)(?<!top_k_categorical_accuracy)")


def named(split: str, reported: Mapping[str, float]) -> dict[str, float]:
    """Returns metrics by the names of a run, such as validation/accuracy."""
    renamed = {f"{split}/{name}": value for name, value in reported.items()}
    accuracies = [name for name in reported if _ACCURACY.fullmatch(name)]
    if accuracies:
        renamed[f"{split}/accuracy"] = reported[accuracies[0]]
    return renamed
