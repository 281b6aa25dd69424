"""Accuracy by images, preprocessing and mode: eight combinations."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from framework.diagnose.core.measurement import Measurement, NotApplicableError
from framework.numerics import outputs
from framework.numerics.intervals import Estimate, proportion

if TYPE_CHECKING:
    from framework.diagnose.core.context import DiagnosisContext

# Of combinations that the program itself does not have, fewer images do.
_IMAGES, _OTHERS = 1_000, 500


@dataclasses.dataclass(frozen=True)
class Cell:
    """One combination.

    Attributes:
        images: "train" or "validation".
        preprocessing: "own", or "other" for channels that were brought to the mean and
            standard deviation of the other split.
        mode: "evaluation" or "training".
        accuracy: Of at most 1,000 images; of 500 in the other preprocessing.
    """

    images: str
    preprocessing: str
    mode: str
    accuracy: Estimate


@dataclasses.dataclass(frozen=True)
class CrossEvaluation(Measurement):
    """All combinations that the model takes.

    Attributes:
        cells: One of each.
    """

    cells: tuple[Cell, ...]

    @classmethod
    def measure(cls, context: DiagnosisContext) -> CrossEvaluation:
        """See base class."""
        splits = {
            name: context.split(name).take(
                np.arange(min(_IMAGES, len(context.split(name))))
            )
            for name in ("train", "validation")
        }
        moments = {name: _moments(split.images) for name, split in splits.items()}
        cells = []
        for name, split in splits.items():
            other = "validation" if name == "train" else "train"
            prepared = {
                "own": split.images,
                "other": _rescaled(
                    split.images[:_OTHERS], moments[name], moments[other]
                ),
            }
            for preprocessing, images in prepared.items():
                for training in (False, True):
                    try:
                        if preprocessing == "own" and (name == "train" or not training):
                            # These are predicted in any case.
                            answers = context.outputs(name, training)[: len(images)]
                        else:
                            answers = context.program.predict(images, training)
                    except NotApplicableError:
                        # Indices of words have no brightness.
                        continue
                    labels = split.labels[: len(images)]
                    correct = int(np.sum(outputs.predicted(answers) == labels))
                    accuracy = proportion(correct, len(images))
                    mode = "training" if training else "evaluation"
                    cells.append(Cell(name, preprocessing, mode, accuracy))
        return cls(tuple(cells))

    def accuracy(
        self, images: str, preprocessing: str = "own", mode: str = "evaluation"
    ) -> Estimate | None:
        """Returns the accuracy of one combination; None if it was not measured."""
        key = (images, preprocessing, mode)
        for cell in self.cells:
            if (cell.images, cell.preprocessing, cell.mode) == key:
                return cell.accuracy
        return None


def _moments(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    axes = tuple(range(images.ndim - 1))
    values = images.astype(np.float64)
    return values.mean(axes), np.maximum(values.std(axes), 1e-6)


def _rescaled(
    images: np.ndarray,
    own: tuple[np.ndarray, np.ndarray],
    other: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:
    """Returns images with the channel moments of the other split."""
    values = (images - own[0]) / own[1] * other[1] + other[0]
    if images.dtype == np.uint8:
        values = np.clip(np.rint(values), 0, 255)
    return values.astype(images.dtype)
