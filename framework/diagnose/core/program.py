"""Interfaces of a program under diagnosis: it predicts, is inspected and trains."""

from __future__ import annotations

import abc
import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from framework.data.split import Split
from framework.diagnose.core.architecture import Architecture
from framework.diagnose.core.budget import Allowance
from framework.diagnose.core.intervention import Intervention

# By weight; None for weights that nothing depends on.
Gradients = dict[str, np.ndarray | None]


@dataclasses.dataclass(frozen=True, eq=False)
class TrialResult:
    """A trained trial.

    Attributes:
        validation_predictions: Predicted classes of the validation images: int64 [N].
        train_predictions: The same of the training images, in evaluation mode.
        epochs: How long it took, in epochs of the original training.
        has_diverged: Whether it has ended with numbers that are not finite; then no
            prediction is right.
        was_stopped: Whether it was ended half-way; see `early_stop`. Of a run, no
            prediction of a training image is right then.
        name: Of the trial.
        outputs: The outputs for the images of "validation" and "train" at its end, by
            these names: float32 [N, U]; empty if they are not kept.
        state: The values of all variables at its end, by which the program is measured
            anew; None if they are not kept, or are in the folder of the trial.
    """

    validation_predictions: np.ndarray
    train_predictions: np.ndarray
    epochs: float
    has_diverged: bool = False
    was_stopped: bool = False
    name: str = ""
    outputs: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    state: tuple[np.ndarray, ...] | None = None


@dataclasses.dataclass(frozen=True)
class StepRecord:
    """One training step.

    Attributes:
        loss_before: The loss of its batch before the step.
        loss_after: The loss of the same batch after it.
        relative_length: The norm of the change of the weights, divided by their norm.
    """

    loss_before: float
    loss_after: float
    relative_length: float


class Predictor(abc.ABC):
    """Maps images to outputs, without changing the program."""

    @abc.abstractmethod
    def predict(self, images: np.ndarray, training: bool = False) -> np.ndarray:
        """Returns the outputs of the model as it is evaluated: float32 [N, U].

        Args:
            images: [N, height, width, C], as they are in the data set.
            training: Whether to call the model in training mode.

        Raises:
            NotApplicableError: The model does not take such images.
        """

    @abc.abstractmethod
    def predict_live(self, images: np.ndarray) -> np.ndarray:
        """Returns the outputs of the trained weights, even if others are evaluated."""

    @abc.abstractmethod
    def predict_reestimated(
        self, images: np.ndarray, train_images: np.ndarray
    ) -> np.ndarray:
        """Returns the outputs with re-estimated moving statistics of batch norm.

        Args:
            images: To predict.
            train_images: To estimate the statistics from; no weight changes.

        Raises:
            NotApplicableError: There is no batch norm.
        """

    @abc.abstractmethod
    def inputs(self, images: np.ndarray) -> np.ndarray:
        """Returns the inputs of the network itself: [N, height, width, C]."""


class Inspectable(abc.ABC):
    """Shows its loss, gradients, layers and steps. Every change is undone."""

    @property
    @abc.abstractmethod
    def architecture(self) -> Architecture:
        """The layers of the model."""

    @abc.abstractmethod
    def loss(self, labels: np.ndarray, outputs: np.ndarray) -> float:
        """Returns the loss of a whole batch, without penalties of weights.

        Args:
            labels: int [N].
            outputs: float32 [N, U], as the model would return them.
        """

    @abc.abstractmethod
    def penalty(self, at_initialization: bool) -> float:
        """Returns the regularization loss of the layers.

        Args:
            at_initialization: Whether with the weights before the first step.
        """

    @abc.abstractmethod
    def gradients(self, split: Split, at_initialization: bool) -> Gradients:
        """Returns the gradient of the training loss by weight; None if there is none.

        Args:
            split: One batch.
            at_initialization: Whether with the weights before the first step.
        """

    @abc.abstractmethod
    def depends_on(self, images: np.ndarray, names: Sequence[str]) -> list[str]:
        """Returns the kernels on which outputs depend, tested by changing their sign.

        Args:
            images: To predict.
            names: Paths of the kernels to try.
        """

    @abc.abstractmethod
    def step_records(self, count: int, at_initialization: bool) -> list[StepRecord]:
        """Does training steps, undoes them, and returns their records.

        Args:
            count: The number of steps.
            at_initialization: Whether they are the first steps; else the next ones.
        """

    @abc.abstractmethod
    def update_vectors(self, split: Split) -> dict[str, np.ndarray]:
        """Returns the gradient by which the program's own first step moves each weight.

        Args:
            split: The batch of that step.

        Raises:
            NotApplicableError: The step is the framework's.
        """

    @abc.abstractmethod
    def step_gradients(
        self, split: Split, at_initialization: bool, draw: int, is_training: bool
    ) -> tuple[Gradients, Gradients]:
        """Returns the gradient that the program's own step uses, and the loss's.

        Args:
            split: The batch of that step.
            at_initialization: Whether with the weights before the first step.
            draw: Each has another dropout and the like.
            is_training: Whether the model of the loss is in training mode.

        Raises:
            NotApplicableError: The step is Keras's or the framework's, or the model
                is compiled without a loss that takes its outputs.
        """

    @abc.abstractmethod
    def update_norm(self, split: Split, rate_factor: float) -> float:
        """Returns the Euclidean length of a first step at another learning rate.

        Args:
            split: The batch of that step.
            rate_factor: The multiple of the learning rate.

        Raises:
            NotApplicableError: The rate follows a schedule, or is the framework's.
        """

    @abc.abstractmethod
    def activations(
        self, images: np.ndarray, at_initialization: bool, training: bool = False
    ) -> dict[str, np.ndarray]:
        """Returns the outputs of the layers by name, in the order of their calls.

        Args:
            images: As they are in the data set.
            at_initialization: Whether with the weights before the first step.
            training: Whether to call the model in training mode.
        """

    @abc.abstractmethod
    def weights(self, at_initialization: bool) -> dict[str, np.ndarray]:
        """Returns all weights by path, now or before the first step."""


class Trainable(abc.ABC):
    """Trains with an intervention."""

    @abc.abstractmethod
    def train(
        self,
        name: str,
        intervention: Intervention,
        epochs: float,
        at_initialization: bool,
        allowance: Allowance | None = None,
    ) -> TrialResult:
        """Trains a trial; the program itself is left as it was.

        Args:
            name: Of the trial, in the run's folder.
            intervention: What is different from the original training.
            epochs: The length, in epochs of the original training.
            at_initialization: Whether from the first step; else from the last one.
            allowance: Checks the progress; None for no limit.

        Raises:
            NotApplicableError: The program has nothing to change so.
            TooSlowError: The trial would take much longer than it may.
        """

    @abc.abstractmethod
    def prolonged(self, trained: float, further: float) -> Intervention:
        """Returns how to train on: for how long, and at which learning rate.

        Args:
            trained: The length of the original training, in epochs.
            further: How many more epochs.

        Raises:
            NotApplicableError: There is no learning rate that would train.
        """


class Program(Predictor, Inspectable, Trainable):
    """A program with all three interfaces.

    Attributes:
        is_opaque: Whether it shows nothing of itself: what `Inspectable` has raises
            NotApplicableError.
    """

    is_opaque: ClassVar[bool] = False


def relative_length(before: Sequence[np.ndarray], after: Sequence[np.ndarray]) -> float:
    """Returns the norm of the change of weights, divided by their norm.

    Example:
        >>> relative_length([np.array([3.0, 4.0])], [np.array([3.0, 4.5])])
        0.1
    """
    before, after = ([a.astype(np.float64) for a in each] for each in (before, after))
    change = sum(
        float(np.sum((b - a) ** 2)) for a, b in zip(before, after, strict=True)
    )
    norm = sum(float(np.sum(np.square(a))) for a in before)
    return math.sqrt(change / max(norm, 1e-30))
