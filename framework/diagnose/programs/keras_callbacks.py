"""Calls the callbacks of `fit` while a model is trained epoch by epoch."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np

from framework.diagnose.programs.keras_batches import Examples
from framework.diagnose.programs.keras_loop import KerasLoop
from framework.errors import UsageError

# Callbacks of keras.callbacks that need more of `fit` than its calls.
_REFUSED = {
    "BackupAndRestore": "resumes another training",
    "ProgbarLogger": "draws a bar of fit; progress=print tells of the epochs",
}


class Callbacks:
    """The callbacks of one training.

    Args:
        callbacks: A list of keras.callbacks.Callback, or one; None for none.
        model: That is trained.
        epochs: The number of the last epoch.
        steps: Batches of an epoch.

    Raises:
        UsageError: One of them is no callback, or cannot be called as by `fit`.
    """

    def __init__(self, callbacks: Any, model: keras.Model, epochs: int, steps: int):
        self._model = model
        given = callbacks if isinstance(callbacks, (list, tuple)) else [callbacks]
        self._given = [each for each in given if each is not None]
        for each in self._given:
            _check(each)
        self._list = keras.callbacks.CallbackList(
            self._given, model=model, verbose=0, epochs=epochs, steps=steps
        )

    @property
    def are_any(self) -> bool:
        """Whether there are callbacks."""
        return bool(self._given)

    @property
    def patience(self) -> int:
        """Epochs without progress after which one ends training; 0 for never."""
        stops = [
            each.patience
            for each in self._given
            if isinstance(each, keras.callbacks.EarlyStopping)
        ]
        return max(min(stops), 1) if stops else 0

    @property
    def has_stopped(self) -> bool:
        """Whether a callback has ended training."""
        return bool(self._model.stop_training)

    @contextlib.contextmanager
    def training(self) -> Iterator[None]:
        """Calls them at the start and at the end of training."""
        before = getattr(self._model, "stop_training", False)
        self._model.stop_training = False
        try:
            self._list.on_train_begin()
            yield
            self._list.on_train_end({})
        finally:
            self._model.stop_training = before

    def begin_epoch(self, epoch: int) -> None:
        """Calls them before an epoch."""
        self._list.on_epoch_begin(epoch)

    def end_epoch(self, epoch: int, logs: dict[str, float]) -> None:
        """Calls them after an epoch, with its metrics by the names of Keras."""
        self._list.on_epoch_end(epoch, logs)

    @contextlib.contextmanager
    def testing(self) -> Iterator[None]:
        """Calls them before and after an evaluation."""
        self._list.on_test_begin()
        yield
        self._list.on_test_end({})

    def train(
        self, loop: KerasLoop, examples: Examples, order: np.ndarray, size: int
    ) -> dict[str, float]:
        """Trains an epoch; batch by batch if a callback is called for each.

        Args:
            loop: Of the model.
            examples: Of the epoch.
            order: int [N].
            size: Of a batch.
        """
        x, y, weights = examples
        if not any(map(_is_called_for_batches, self._given)):
            return loop.train(x, y, order, size, weights=weights)
        self._model.reset_metrics()
        logs: dict[str, float] = {}
        for place, start in enumerate(range(0, len(order), size)):
            rows = order[start : start + size]
            self._list.on_train_batch_begin(place)
            logs = loop.train(
                x[rows],
                y[rows],
                np.arange(len(rows)),
                size,
                weights=None if weights is None else weights[rows],
                resets=False,
            )
            self._list.on_train_batch_end(place, logs)
            if self._model.stop_training:
                break
        return logs


def _check(callback: Any) -> None:
    name = type(callback).__name__
    if not isinstance(callback, keras.callbacks.Callback):
        raise UsageError(f"callbacks: {callback!r} is no keras.callbacks.Callback")
    if name in _REFUSED and type(callback).__module__.startswith("keras."):
        raise UsageError(f"callbacks: {name} {_REFUSED[name]}; leave it out")
    if _overrides(callback, ("on_test_batch_begin", "on_test_batch_end")):
        raise UsageError(
            f"callbacks: {name} is called for each batch of validation, which explain "
            f"evaluates at once; leave it out, or record your own fit with Watch"
        )


def _is_called_for_batches(callback: keras.callbacks.Callback) -> bool:
    return _overrides(
        callback,
        (
            "on_batch_begin",
            "on_batch_end",
            "on_train_batch_begin",
            "on_train_batch_end",
        ),
    )


def _overrides(callback: keras.callbacks.Callback, names: Sequence[str]) -> bool:
    # A LambdaCallback has such functions as attributes.
    return any(
        getattr(getattr(callback, name), "__func__", getattr(callback, name))
        is not getattr(keras.callbacks.Callback, name)
        for name in names
    )
