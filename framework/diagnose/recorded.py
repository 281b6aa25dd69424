"""What evaluations have left: metrics by their names here, and predictions in files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from framework.metrics import Predictions

# What a metric of plain accuracy is called; of the five best it is something else.
_ACCURACY = re.compile(r"(acc|(\w+_)?accuracy)(?<!top_k_categorical_accuracy)")


def read(path: Path) -> Predictions:
    """Returns the predictions that an evaluation has left in a file."""
    with np.load(path, allow_pickle=False) as values:
        wrong = (values["predicted"] != values["labels"]).astype(np.int32)
        return Predictions(
            values["labels"],
            values["predicted"],
            wrong,
            values["confidence"],
            values["losses"],
        )


def named(split: str, reported: Mapping[str, float]) -> dict[str, float]:
    """Returns metrics by the names that they have everywhere here."""
    found = {f"{split}/{name}": value for name, value in reported.items()}
    accuracies = [name for name in reported if _ACCURACY.fullmatch(name)]
    if accuracies:
        found[f"{split}/accuracy"] = reported[accuracies[0]]
    return found
