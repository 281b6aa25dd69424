"""What is diagnosed: a model, what it was trained on and tested on, and its history."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from framework.data.dataset import Split
from framework.history import Row
from framework.metrics import Predictions

# Of more training images a sample is as good.
_SAMPLE = 5_000
SPLITS = ("train", "dev", "validation")

# Asked for the logits, float32 [N, K], of images [N, height, width, C] as they are in
# the data set; and whether in training mode.
Ask = Callable[[np.ndarray, bool], np.ndarray]


@dataclasses.dataclass(frozen=True, eq=False)
class Branch:
    """What came of an experiment.

    Attributes:
        rows: The metrics of its evaluations.
        validation: What it said of the validation images in the end.
        clean: What it said of the training images in the end, in evaluation mode.
    """

    rows: Sequence[Row]
    validation: Predictions
    clean: Predictions


@dataclasses.dataclass(frozen=True, eq=False)
class Subject:
    """All that a diagnosis may look at.

    Attributes:
        class_names: What the classes are called.
        train: Images that are trained on, in memory; a sample if there are many.
        dev: Images of the training split that are not trained on; perhaps none.
        validation: The validation images, in memory.
        ask: The model as it was evaluated, its scaling of pixels included.
        inputs: From images to what the network itself sees: [N, height, width, C].
        model: The keras.Model, from scaled images to its outputs.
        rows: The metrics of each evaluation.
        predictions: What was said of the validation images, by evaluation.
        settings: What is known of how it was trained, by names of flags.
        experiment: Trains under changed settings, from the state in which the run is or
            from the beginning; None where that cannot be done. Its arguments are a
            name, the changed settings, epochs, and whether it starts anew.
    """

    class_names: tuple[str, ...]
    train: Split
    dev: Split
    validation: Split
    ask: Ask
    inputs: Callable[[np.ndarray], np.ndarray]
    model: Any
    rows: Sequence[Row]
    predictions: Sequence[Predictions]
    settings: Mapping[str, Any]
    experiment: Callable[[str, Mapping[str, Any], float, bool], Branch] | None = None

    @property
    def num_classes(self) -> int:
        """How many classes there are."""
        return len(self.class_names)

    def split(self, name: str) -> Split:
        """Returns one of `SPLITS`."""
        return getattr(self, name)

    @functools.cached_property
    def _logits(self) -> dict[tuple[str, bool], np.ndarray]:
        return {}

    def logits(self, name: str, training: bool = False) -> np.ndarray:
        """Returns what the model says of a split: float32 [N, K]; asked once only.

        Args:
            name: One of `SPLITS`.
            training: Whether in training mode.
        """
        key = (name, training)
        if key not in self._logits:
            self._logits[key] = self.ask(self.split(name).images, training)
        return self._logits[key]

    def right(self, name: str, training: bool = False) -> np.ndarray:
        """Returns for which images of a split the highest logit is right: bool [N]."""
        logits = self.logits(name, training)
        return logits.argmax(axis=1) == self.split(name).labels


def sample(split: Split, rows: np.ndarray, seed: int = 0) -> Split:
    """Returns some rows of a split in memory, at most 5,000, in their order."""
    generator = np.random.Generator(np.random.PCG64(seed))
    chosen = np.sort(generator.permutation(rows)[:_SAMPLE])
    return split.take(chosen).in_memory(lambda done, total: None)
