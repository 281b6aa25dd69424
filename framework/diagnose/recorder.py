"""Records a user's `fit` for a later diagnosis."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from framework.diagnose.programs.keras_data import Source
from framework.diagnose.programs.keras_loop import KerasLoop
from framework.diagnose.programs.metric_names import named, weighted_names
from framework.errors import UsageError
from framework.numerics import labels as labels_lib
from framework.numerics.metrics import Predictions
from framework.report import predictions
from framework.report.history import History, Row
from framework.system import archive

_INITIAL = "initial.npz"


class Watch(keras.callbacks.Callback):
    """A callback of `fit` that records it for `explain(..., watched=FOLDER)`.

    Args:
        workdir: Where to write: metrics.jsonl, the weights before the first step, and,
            the predicted class of each validation image at each evaluation.
        validation: The `validation_data` of `fit`, which Keras does not pass to
            callbacks; without it, single images cannot be compared.

    Raises:
        UsageError: The folder holds another recording.
    """

    def __init__(self, workdir: str | Path, validation: Any = None):
        super().__init__()
        self._folder = Path(workdir)
        if (self._folder / "metrics.jsonl").exists():
            raise UsageError(f"{workdir} holds a recording; give another folder")
        self._validation = None
        if validation is not None:
            self._validation = Source(validation, shuffle=False)
        self._steps = 0

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Keeps the weights before the first step."""
        (self._folder / "predictions").mkdir(parents=True, exist_ok=True)
        self._history = History(self._folder / "metrics.jsonl")
        weights = {
            f"weight-{index}": np.asarray(weight.value)
            for index, weight in enumerate(self.model.weights)
        }
        archive.write(self._folder / _INITIAL, 0, weights)

    @property
    def _weighted(self) -> set[str]:
        has_weights = self._validation is not None and (
            self._validation.weights is not None
        )
        return weighted_names(self.model) if has_weights else set()

    def on_train_batch_end(
        self, batch: int, logs: Mapping[str, Any] | None = None
    ) -> None:
        """Counts steps."""
        self._steps += 1

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Records the reported metrics and the predictions."""
        logs = {name: float(value) for name, value in (logs or {}).items()}
        tested = {k[4:]: v for k, v in logs.items() if k.startswith("val_")}
        trained = {k: v for k, v in logs.items() if not k.startswith("val_")}
        trained.pop("learning_rate", None)
        row = {
            "epoch": epoch + 1.0,
            "learning_rate": float(self.model.optimizer.learning_rate),
            **named("train", trained),
            **named("validation", tested, self._weighted),
        }
        self._history.append(self._steps, row)
        if self._validation is None:
            return
        x, y, _ = self._validation.epoch()
        evaluation = KerasLoop(self.model).predictions(x, labels_lib.classes(y))
        predictions.write(self._folder / "predictions", self._steps, evaluation)


def recorded(
    workdir: str | Path,
) -> tuple[list[Row], list[Predictions], list[np.ndarray]]:
    """Reads a recording of `Watch`: metrics, predictions and initial weights.

    Raises:
        UsageError: There is no recording.
        RunError: The metrics or the weights are damaged.
    """
    folder = Path(workdir)
    rows = History(folder / "metrics.jsonl").rows
    if not rows or not (folder / _INITIAL).exists():
        raise UsageError(f"{workdir} holds no recording of framework.diagnose.Watch")
    evaluations = list(predictions.read_all(folder / "predictions").values())
    values = archive.read(folder / _INITIAL, plain=True)
    return (
        rows,
        evaluations,
        [value for name, value in values.items() if name != "step"],
    )
