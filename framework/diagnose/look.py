"""A look at some images of each split, through features that nobody trained."""

from __future__ import annotations

import dataclasses
import weakref

import numpy as np

from framework.diagnose.pictures import Features
from framework.diagnose.subject import Subject

# Of more images no probe learns anything else that matters here.
_MOST = 2_000


@dataclasses.dataclass(frozen=True, eq=False)
class Sample:
    """Some images of a split.

    Attributes:
        rows: Their places in the split, rising: int [N].
        labels: int [N].
        features: float32 [N, F].
    """

    rows: np.ndarray
    labels: np.ndarray
    features: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, places: np.ndarray) -> Sample:
        """Returns those at some places in the sample."""
        return Sample(self.rows[places], self.labels[places], self.features[places])


_LOOKS: weakref.WeakKeyDictionary[Subject, dict[str, Sample]] = (
    weakref.WeakKeyDictionary()
)


def look(subject: Subject) -> dict[str, Sample]:
    """Returns a sample of "train" and one of "validation"; taken once a subject."""
    if subject not in _LOOKS:
        rows = {
            name: chosen(len(subject.split(name)), _MOST)
            for name in ("train", "validation")
        }
        train = subject.train.images[rows["train"]]
        features = Features(train)
        _LOOKS[subject] = {
            name: Sample(
                rows[name],
                np.asarray(subject.split(name).labels)[rows[name]],
                features(subject.split(name).images[rows[name]]),
            )
            for name in rows
        }
    return _LOOKS[subject]


def chosen(count: int, most: int, seed: int = 0) -> np.ndarray:
    """Returns at most so many of `count` places, in their order."""
    generator = np.random.Generator(np.random.PCG64(seed))
    return np.sort(generator.permutation(count)[:most])
