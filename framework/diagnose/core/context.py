"""The context of a diagnosis: a program, its data and one training."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from framework.data.dataset import Dataset
from framework.data.split import LabelledImages, Split
from framework.diagnose.core.embedding import Embedding
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import Measurements, MeasurementT
from framework.diagnose.core.program import Program, TrialResult
from framework.diagnose.core.settings import TrainingSettings
from framework.numerics import outputs
from framework.numerics.metrics import Predictions
from framework.report.history import Row

# A function of an intervention and the result of its trial.
Mended = Callable[
    [Intervention, TrialResult], "contextlib.AbstractContextManager[DiagnosisContext]"
]
# With this many images the standard error of an accuracy is at most 0.7 points.
_SAMPLE = 5_000
SPLITS = ("train", "dev", "validation")


@dataclasses.dataclass(frozen=True, eq=False)
class DiagnosisContext:
    """The program, its data and its history.

    Attributes:
        class_names: The names of the classes.
        train: Images that are trained on, in memory; a sample if there are many.
        dev: Images held out of the training split; perhaps none.
        validation: The validation images, in memory; a sample if there are many.
        labels: All labels of "train" and "validation" as they were given, before
            anything was made of them: [N], or one-hot [N, K].
        first_epoch_labels: Labels in the order in which the first epoch fed them, int
            [N]; None if it is certain that they are shuffled.
        program: The model, and how it is trained.
        rows: The reported metrics of each evaluation.
        predictions: The predictions of the validation images, by evaluation.
        settings: How it was trained.
        weights: The weights of the examples of "train" and "validation", as they were
            given or as those of their classes, float32 [N]; without an entry where
            there are none.
        dataset: All images, for an audit; None if the program was given arrays.
        train_rows: The positions of `train` in the whole training split: int64 [N];
            None for all.
        dev_rows: Those of `dev`: int64 [M]; None if there are none.
        known_outputs: The outputs of the model in evaluation mode by the names of the
            splits, as far as they are known already: float32 [N, U].
        mended: Returns the context of the program with an intervention, at the end of
            its trial, for as long as it is entered; None if it cannot be measured so.
        embedding: Features of images by a network of the user's own; None for untrained
            ones.
    """

    class_names: tuple[str, ...]
    train: Split
    dev: Split
    validation: Split
    labels: Mapping[str, np.ndarray]
    first_epoch_labels: np.ndarray | None
    program: Program
    rows: Sequence[Row]
    predictions: Sequence[Predictions]
    settings: TrainingSettings
    weights: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    dataset: Dataset | None = None
    train_rows: np.ndarray | None = None
    dev_rows: np.ndarray | None = None
    known_outputs: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    mended: Mended | None = None
    embedding: Embedding | None = None

    @property
    def num_classes(self) -> int:
        """The number of classes."""
        return len(self.class_names)

    @property
    def has_several_labels(self) -> bool:
        """Whether images may have several labels: labels are [N, K] of 0 and 1."""
        return self.validation.labels.ndim == 2

    @functools.cached_property
    def measurements(self) -> Measurements:
        """The measurements made so far."""
        return Measurements(self, self.settings)

    def get(self, kind: type[MeasurementT]) -> MeasurementT:
        """Returns a measurement; see `Measurements.get`."""
        return self.measurements.get(kind)

    def train_places(self, rows: np.ndarray) -> np.ndarray:
        """Returns the positions in the whole training split of some of `train`.

        Args:
            rows: int [n], positions in `train`.
        """
        return rows if self.train_rows is None else self.train_rows[rows]

    def split(self, name: str) -> Split:
        """Returns one of `SPLITS`."""
        split: Split = getattr(self, name)
        return split

    @functools.cached_property
    def _outputs(self) -> dict[tuple[str, bool], np.ndarray]:
        return {(name, False): each for name, each in self.known_outputs.items()}

    def outputs(self, name: str, training: bool = False) -> np.ndarray:
        """Returns the outputs of the model for a split: float32 [N, U]; cached.

        Args:
            name: One of `SPLITS`.
            training: Whether in training mode.
        """
        key = (name, training)
        if key not in self._outputs:
            images = self.split(name).images
            self._outputs[key] = self.program.predict(images, training)
        return self._outputs[key]

    @functools.cached_property
    def live_outputs(self) -> np.ndarray:
        """The outputs of the trained weights for "validation": float32 [N, U]."""
        return self.program.predict_live(self.validation.images)

    def predicted(self, name: str, training: bool = False) -> np.ndarray:
        """Returns the predicted classes of a split: int64 [N]."""
        return outputs.predicted(self.outputs(name, training))

    def correct(self, name: str, training: bool = False) -> np.ndarray:
        """Returns which images of a split are predicted correctly: bool [N]."""
        correct: np.ndarray = self.predicted(name, training) == self.split(name).labels
        return correct


def sample(split: LabelledImages, indices: np.ndarray, seed: int = 0) -> Split:
    """Returns at most 5,000 examples of a split, in memory, in their order.

    Args:
        split: Where to take them from.
        indices: Those to choose from: int [N].
        seed: Seed of the sample.
    """
    chosen = sampled(indices, seed)
    return split.take(chosen).in_memory(lambda done, total: None)


def sampled(indices: np.ndarray, seed: int = 0) -> np.ndarray:
    """Returns at most 5,000 of the indices, in rising order.

    Args:
        indices: Those to choose from: int [N].
        seed: Of the choice.
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    chosen: np.ndarray = np.sort(generator.permutation(indices)[:_SAMPLE])
    return chosen
