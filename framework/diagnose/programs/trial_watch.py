"""Ends a trial that would take much longer than it may, or gains too little."""

from __future__ import annotations

from collections.abc import Mapping

from framework.diagnose.core.budget import Allowance
from framework.numerics.metrics import Predictions
from framework.report import Report


class FutileTrialError(Exception):
    """A trial was ended at an evaluation, since its remedy gains too little.

    Args:
        epochs: How long it has trained, in epochs of the original training.
        validation: The predictions of that evaluation.
    """

    def __init__(self, epochs: float, validation: Predictions):
        super().__init__(f"it was ended after {epochs:.3g} epochs")
        self.epochs, self.validation = epochs, validation


class Watch(Report):
    """Tells an allowance of the progress of a run.

    Args:
        allowance: What the run may take.
        total: The number of its last step.
        epochs: Its length, in epochs of the original training.
    """

    def __init__(self, allowance: Allowance, total: int, epochs: float):
        self._allowance, self._total, self._epochs = allowance, total, epochs
        self._first = 0

    def started(self, step: int) -> None:
        """See base class."""
        self._first = step

    def advanced(self, step: int, seconds: float) -> None:
        """See base class.

        Raises:
            TooSlowError: The run would take much longer than it may.
        """
        del seconds
        self._allowance.check(step, self._total)

    def evaluated(
        self,
        step: int,
        metrics: Mapping[str, float],
        predictions: Mapping[str, Predictions],
    ) -> None:
        """See base class.

        Raises:
            FutileTrialError: The remedy is certain to gain too little.
        """
        del metrics
        validation = predictions.get("validation")
        if validation is None or step >= self._total:
            return
        done = (step - self._first) / (self._total - self._first)
        epochs = done * self._epochs
        if self._allowance.is_futile(epochs, lambda: validation.predicted):
            raise FutileTrialError(epochs, validation)
