"""What is diagnosed: a program that trains, its data, and the history of one run."""

from __future__ import annotations

import abc
import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from framework.data.dataset import Split
from framework.diagnose import outputs
from framework.diagnose.change import Change
from framework.history import Row
from framework.metrics import Predictions

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
        """

    @abc.abstractmethod
    def inputs(self, images: np.ndarray) -> np.ndarray:
        """Returns what the network itself sees of images: [N, height, width, C]."""

    @abc.abstractmethod
    def losses(self, labels: np.ndarray, outputs: np.ndarray) -> float:
        """Returns the loss that training makes small, of a whole batch.

        Args:
            labels: int [N].
            outputs: float32 [N, U], as the model would return them.
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


def sample(split: Split, rows: np.ndarray, seed: int = 0) -> Split:
    """Returns some rows of a split in memory, at most 5,000, in their order."""
    generator = np.random.Generator(np.random.PCG64(seed))
    chosen = np.sort(generator.permutation(rows)[:_SAMPLE])
    return split.take(chosen).in_memory(lambda done, total: None)
