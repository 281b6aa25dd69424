"""Predictions as an evaluation has left them in a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from framework.metrics import Predictions


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
