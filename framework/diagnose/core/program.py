"""What a diagnosis needs of a program: to predict, be inspected and train."""

from __future__ import annotations

import abc
import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from framework.data.dataset import Split
from framework.diagnose.core.architecture import Architecture
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
    """

    validation_predictions: np.ndarray
    train_predictions: np.ndarray
    epochs: float


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
    """Maps images to outputs. Nothing in the program changes by it."""

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
        """Returns the outputs of the weights in training, whichever are evaluated."""

    @abc.abstractmethod
    def predict_reestimated(
        self, images: np.ndarray, train_images: np.ndarray
    ) -> np.ndarray:
        """Returns the outputs once batch norm's moving statistics are taken anew.

        Args:
            images: To predict.
            train_images: To take the statistics of; no weight changes.

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
        """Returns the loss that the layers add.

        Args:
            at_initialization: Whether with the weights before the first step.
        """

    @abc.abstractmethod
    def gradients(
        self, split: Split, at_initialization: bool
    ) -> dict[str, np.ndarray | None]:
        """Returns the gradient of the training loss by weight; None if there is none.

        Args:
            split: One batch.
            at_initialization: Whether with the weights before the first step.
        """

    @abc.abstractmethod
    def depends_on(self, images: np.ndarray, names: Sequence[str]) -> list[str]:
        """Returns the kernels that outputs change with, once their sign is turned.

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
        self, images: np.ndarray, at_initialization: bool
    ) -> dict[str, np.ndarray]:
        """Returns the outputs of the layers by name, in the order of their calls.

        Args:
            images: As they are in the data set.
            at_initialization: Whether with the weights before the first step.
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
    ) -> TrialResult:
        """Trains a trial; the program itself is left as it was.

        Args:
            name: Of the trial, in the run's folder.
            intervention: What is different from the original training.
            epochs: The length, in epochs of the original training.
            at_initialization: Whether from the first step; else from the last one.

        Raises:
            NotApplicableError: The program has nothing to change so.
        """


class Program(Predictor, Inspectable, Trainable):
    """All three."""


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
