"""What is diagnosed: a program that trains, its data, and the history of one run."""

from __future__ import annotations

import abc
import dataclasses
import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from framework.data.dataset import Split
from framework.diagnose import outputs
from framework.diagnose.change import Change
from framework.numerics.metrics import Predictions
from framework.report.history import Row

# Of more images a sample is as good.
_SAMPLE = 5_000
SPLITS = ("train", "dev", "validation")


@dataclasses.dataclass(frozen=True, eq=False)
class Branch:
    """What came of an experiment.

    Attributes:
        predicted: Which classes it named for the validation images in the end: int64
            [N].
        clean: The same of the training images, in evaluation mode.
        epochs: How long it took, in epochs of the original training.
    """

    predicted: np.ndarray
    clean: np.ndarray
    epochs: float


@dataclasses.dataclass(frozen=True)
class Step:
    """What one update did.

    Attributes:
        before: The loss of its batch before it.
        after: The loss of the same batch after it.
        ratio: How far it moved the weights, as a part of their norm.
    """

    before: float
    after: float
    ratio: float


class Program(abc.ABC):
    """A model and the way in which it is trained: what can be asked and tried."""

    @property
    @abc.abstractmethod
    def model(self) -> Any:
        """The keras.Model, with the weights after the last step."""

    @abc.abstractmethod
    def ask(self, images: np.ndarray, training: bool = False) -> np.ndarray:
        """Returns what the model as it was evaluated says: float32 [N, U].

        Args:
            images: [N, height, width, C], as they are in the data set.
            training: Whether in training mode; nothing in the model changes.

        Raises:
            CannotChangeError: The model does not take such images.
        """

    @abc.abstractmethod
    def ask_live(self, images: np.ndarray) -> np.ndarray:
        """Returns what the weights that are trained say, whichever are evaluated."""

    @abc.abstractmethod
    def ask_reestimated(self, images: np.ndarray, train: np.ndarray) -> np.ndarray:
        """Returns what the model says once batch norm has its statistics anew.

        Args:
            images: To be asked about.
            train: To take the statistics of; no weight changes.

        Raises:
            CannotChangeError: There is no batch norm.
        """

    @abc.abstractmethod
    def inputs(self, images: np.ndarray) -> np.ndarray:
        """Returns what the network itself sees of images: [N, height, width, C]."""

    @abc.abstractmethod
    def loss(self, labels: np.ndarray, outputs: np.ndarray) -> float:
        """Returns the loss of outputs, of a whole batch, without penalties of weights.

        Args:
            labels: int [N].
            outputs: float32 [N, U], as the model would return them.
        """

    @abc.abstractmethod
    def penalty(self, fresh: bool) -> float:
        """Returns what the layers add to the loss.

        Args:
            fresh: Whether with the weights before the first step.
        """

    @abc.abstractmethod
    def steps(self, count: int, fresh: bool) -> list[Step]:
        """Returns what so many updates do, which are then undone.

        Args:
            count: How many.
            fresh: Whether they are the first ones; else those that would come next.
        """

    @abc.abstractmethod
    def applied(self, split: Split) -> dict[str, np.ndarray]:
        """Returns by which gradient the program's own first step moves each weight.

        Args:
            split: The batch of that step.

        Raises:
            CannotChangeError: The step is the framework's.
        """

    @abc.abstractmethod
    def moved(self, split: Split, factor: float) -> float:
        """Returns how far a first step goes at another rate, as a Euclidean norm.

        Args:
            split: The batch of that step.
            factor: What to multiply the learning rate by.

        Raises:
            CannotChangeError: The rate follows a schedule, or is the framework's.
        """

    @abc.abstractmethod
    def gradients(self, split: Split, fresh: bool) -> dict[str, np.ndarray | None]:
        """Returns the gradient of the training loss of some images, by weight.

        None stands for a weight that the loss does not depend on.

        Args:
            split: The images, one batch.
            fresh: Whether with the weights before the first step.
        """

    @abc.abstractmethod
    def activations(self, images: np.ndarray, fresh: bool) -> dict[str, np.ndarray]:
        """Returns the outputs of each layer with weights or an activation, in order.

        Args:
            images: As they are in the data set.
            fresh: Whether with the weights before the first step.
        """

    @abc.abstractmethod
    def weights(self, fresh: bool) -> dict[str, np.ndarray]:
        """Returns all weights by name, now or before the first step."""

    @abc.abstractmethod
    def experiment(
        self, name: str, change: Change, epochs: float, fresh: bool
    ) -> Branch:
        """Trains on under some changes, and leaves everything else as it was.

        Args:
            name: What it is called in the run's folder.
            change: What is different.
            epochs: For how long, in epochs of the original training.
            fresh: Whether from the first step; else from the last.

        Raises:
            CannotChangeError: The program has nothing to change so.
        """


@dataclasses.dataclass(frozen=True, eq=False)
class Subject:
    """All that a diagnosis may look at.

    Attributes:
        class_names: What the classes are called.
        train: Images that are trained on, in memory; a sample if there are many.
        dev: Images of the training split that are not trained on; perhaps none.
        validation: The validation images, in memory; a sample if there are many.
        labels: All labels of "train" and "validation" as they were given, before
            anything was made of them: [N], or one-hot [N, K].
        fed: Labels in the order in which the first epoch fed them, int [N]; None if it
            is certain that they are shuffled.
        program: The model, and how it is trained.
        rows: The metrics of each evaluation, as they were reported.
        predictions: What was said of the validation images, by evaluation.
        settings: What is known of how it was trained: "batch_size", "train_images",
            "epochs", "learning_rate", "dropout", "weight_decay", "augment", ...
    """

    class_names: tuple[str, ...]
    train: Split
    dev: Split
    validation: Split
    labels: Mapping[str, np.ndarray]
    fed: np.ndarray | None
    program: Program
    rows: Sequence[Row]
    predictions: Sequence[Predictions]
    settings: Mapping[str, Any]

    @property
    def num_classes(self) -> int:
        """How many classes there are."""
        return len(self.class_names)

    def split(self, name: str) -> Split:
        """Returns one of `SPLITS`."""
        return getattr(self, name)

    @functools.cached_property
    def _outputs(self) -> dict[tuple[str, bool], np.ndarray]:
        return {}

    def outputs(self, name: str, training: bool = False) -> np.ndarray:
        """Returns what the model says of a split: float32 [N, U]; asked once only.

        Args:
            name: One of `SPLITS`.
            training: Whether in training mode.
        """
        key = (name, training)
        if key not in self._outputs:
            self._outputs[key] = self.program.ask(self.split(name).images, training)
        return self._outputs[key]

    def predicted(self, name: str, training: bool = False) -> np.ndarray:
        """Returns the classes that the model names: int64 [N]."""
        return outputs.predicted(self.outputs(name, training))

    def right(self, name: str, training: bool = False) -> np.ndarray:
        """Returns for which images of a split the model is right: bool [N]."""
        return self.predicted(name, training) == self.split(name).labels


def ratio(before: Sequence[np.ndarray], after: Sequence[np.ndarray]) -> float:
    """Returns how far weights have moved, as a part of their norm."""
    before, after = ([a.astype(np.float64) for a in each] for each in (before, after))
    moved = sum(float(np.sum((b - a) ** 2)) for a, b in zip(before, after, strict=True))
    norm = sum(float(np.sum(np.square(a))) for a in before)
    return math.sqrt(moved / max(norm, 1e-30))


def sample(split: Split, rows: np.ndarray, seed: int = 0) -> Split:
    """Returns some rows of a split in memory, at most 5,000, in their order."""
    generator = np.random.Generator(np.random.PCG64(seed))
    chosen = np.sort(generator.permutation(rows)[:_SAMPLE])
    return split.take(chosen).in_memory(lambda done, total: None)
