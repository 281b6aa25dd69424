"""A training loop of any kind, seen through the functions that its author gives."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from framework.data.split import Split
from framework.diagnose.core.architecture import Architecture
from framework.diagnose.core.budget import Allowance
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import NotApplicableError
from framework.diagnose.core.program import (
    Gradients,
    Program,
    StepRecord,
    TrialResult,
)
from framework.diagnose.programs.loop_functions import Data, LoopFunctions, takes
from framework.diagnose.programs.trial_data import balanced_order, make_scale
from framework.numerics import labels as labels_lib
from framework.numerics import outputs as outputs_lib

_OPAQUE = "a loop does not show its layers, gradients or steps"


class LoopProgram(Program):
    """See base class. Only predictions and trainings are to be had.

    Args:
        functions: Of the loop.
        data: The training examples and labels.
        seed: Of the original training and of all trials: paired.
        learning_rate: Of the original training; 0 if it is not known.
        batch_size: Of the original training.
    """

    is_opaque = True

    def __init__(
        self,
        functions: LoopFunctions,
        data: Data,
        seed: int,
        learning_rate: float,
        batch_size: int,
    ):
        self._functions, self._data, self._seed = functions, data, seed
        self._learning_rate, self._batch_size = learning_rate, batch_size
        self.model: Any = None

    # Set together with the context; trials predict them at their end.
    validation_images: np.ndarray
    train_images: np.ndarray

    def run(
        self, epochs: int, after_epoch: Callable[[Any], None] | None = None
    ) -> None:
        """Trains as the author does.

        Args:
            epochs: How many.
            after_epoch: Called with the model after each epoch, if `train` takes it.
        """
        model = self._functions.built(self._seed, {})
        changes = {"seed": self._seed, "after_epoch": after_epoch}
        self.model = self._functions.trained(model, self._data, epochs, changes)

    @property
    def steps_per_epoch(self) -> int:
        """Batches of an epoch."""
        return -(-len(self._data[0]) // self._batch_size)

    def outputs_of(self, model: Any, images: np.ndarray) -> np.ndarray:
        """Returns the outputs of a model in evaluation mode: float32 [N, K]."""
        return self._functions.outputs(model, images, training=False)

    def predict(self, images: np.ndarray, training: bool = False) -> np.ndarray:
        """See base class."""
        # Training mode can change statistics of batch norm.
        model = self._copied() if training else self.model
        return self._functions.outputs(model, images, training)

    def predict_live(self, images: np.ndarray) -> np.ndarray:
        """See base class."""
        return self.predict(images)

    def inputs(self, images: np.ndarray) -> np.ndarray:
        """See base class."""
        return np.asarray(images, np.float32)

    def train(
        self,
        name: str,
        intervention: Intervention,
        epochs: float,
        at_initialization: bool,
        allowance: Allowance | None = None,
    ) -> TrialResult:
        """See base class."""
        del name
        seed = self._seed + intervention.seed
        changes = self._functions.arguments(
            intervention, self._learning_rate, self._batch_size
        )
        changes = {"seed": seed, **changes}
        scale = make_scale(self._data[0], intervention)
        images, labels = self._fed(intervention, epochs, seed)
        count = max(round(epochs), 1)
        done = 0

        def after_epoch(model: Any) -> None:
            nonlocal done
            del model
            done += 1
            if allowance is not None:
                allowance.check(done, count)

        changes["after_epoch"] = after_epoch
        if at_initialization:
            model = self._functions.built(seed, changes)
        else:
            model = self._copied()
        data = scale(images), labels
        model = self._functions.trained(model, data, count, changes)
        outputs = [
            self._functions.outputs(model, scale(each), training=False)
            for each in (self.validation_images, self.train_images)
        ]
        is_finite = all(np.isfinite(each).all() for each in outputs)
        predicted = [
            np.where(np.isfinite(each).all(axis=1), outputs_lib.predicted(each), -1)
            for each in outputs
        ]
        length = min(epochs, 1.0) if epochs < 1 else float(count)
        return TrialResult(predicted[0], predicted[1], length, not is_finite)

    def _fed(self, intervention: Intervention, epochs: float, seed: int) -> Data:
        """Returns the examples of a trial."""
        images, labels = self._data
        if intervention.train is not None:
            images = intervention.train.images
            labels = labels_lib.like(labels, intervention.train.labels)
        generator = np.random.Generator(np.random.PCG64([seed]))
        if intervention.balance:
            order = balanced_order(labels, generator)
            images, labels = images[order], labels[order]
        if epochs < 1:
            # A part of an epoch is an epoch of a part of the examples.
            count = max(round(epochs * len(images)), 1)
            order = np.sort(generator.permutation(len(images))[:count])
            images, labels = images[order], labels[order]
        return images, labels

    def _copied(self) -> Any:
        """Returns a copy of the trained model.

        Raises:
            NotApplicableError: It cannot be copied, or the copy predicts otherwise.
        """
        images = self._data[0][:8]
        try:
            result = copy.deepcopy(self.model)
            before, after = (
                self.outputs_of(each, images) for each in (self.model, result)
            )
        except Exception as problem:
            line = " ".join(str(problem).split())[:100]
            raise NotApplicableError(
                f"copy.deepcopy cannot copy the model: {line}"
            ) from problem
        if result is self.model or not np.allclose(before, after, atol=1e-4):
            raise NotApplicableError("copy.deepcopy does not copy the model")
        return result

    def prolonged(self, trained: float, further: float) -> Intervention:
        """See base class."""
        return Intervention(train_for_factor=(trained + further) / trained)

    def update_norm(self, split: Split, rate_factor: float) -> float:
        """Returns how far a first step moves the outputs of its own batch.

        The weights are not seen. See base class.
        """
        if not takes(self._functions.train, "learning_rate"):
            raise NotApplicableError("train() takes no learning_rate")
        rate = self._learning_rate
        if not rate:
            raise NotApplicableError("learning_rate has no default value in train()")
        model = self._functions.built(self._seed, {})
        before = self.outputs_of(model, split.images)
        data = split.images, labels_lib.like(self._data[1], split.labels)
        changes = {"seed": self._seed, "learning_rate": rate * rate_factor}
        model = self._functions.trained(model, data, 1, changes)
        return float(np.linalg.norm(self.outputs_of(model, split.images) - before))

    @property
    def architecture(self) -> Architecture:
        """See base class."""
        raise NotApplicableError(_OPAQUE)

    def predict_reestimated(
        self, images: np.ndarray, train_images: np.ndarray
    ) -> np.ndarray:
        """See base class."""
        raise NotApplicableError(_OPAQUE)

    def loss(self, labels: np.ndarray, outputs: np.ndarray) -> float:
        """See base class."""
        raise NotApplicableError(_OPAQUE)

    def penalty(self, at_initialization: bool) -> float:
        """See base class."""
        raise NotApplicableError(_OPAQUE)

    def gradients(self, split: Split, at_initialization: bool) -> Gradients:
        """See base class."""
        raise NotApplicableError(_OPAQUE)

    def depends_on(self, images: np.ndarray, names: Sequence[str]) -> list[str]:
        """See base class."""
        raise NotApplicableError(_OPAQUE)

    def step_records(self, count: int, at_initialization: bool) -> list[StepRecord]:
        """See base class."""
        raise NotApplicableError(_OPAQUE)

    def update_vectors(self, split: Split) -> dict[str, np.ndarray]:
        """See base class."""
        raise NotApplicableError(_OPAQUE)

    def step_gradients(
        self, split: Split, at_initialization: bool, draw: int, is_training: bool
    ) -> tuple[Gradients, Gradients]:
        """See base class."""
        raise NotApplicableError(_OPAQUE)

    def activations(
        self, images: np.ndarray, at_initialization: bool, training: bool = False
    ) -> dict[str, np.ndarray]:
        """See base class."""
        raise NotApplicableError(_OPAQUE)

    def weights(self, at_initialization: bool) -> dict[str, np.ndarray]:
        """See base class."""
        raise NotApplicableError(_OPAQUE)
