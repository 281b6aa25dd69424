"""A sample of each split with features: untrained ones, and the user's own."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from framework.diagnose.core.measurement import Measurement, Part
from framework.diagnose.measure.features import Features

if TYPE_CHECKING:
    from framework.diagnose.core.context import DiagnosisContext

# Probes learn nothing more that matters from more images.
_MOST = 2_000


@dataclasses.dataclass(frozen=True, eq=False)
class Sample:
    """Some images of a split.

    Attributes:
        indices: Their positions in the split, rising: int [N].
        labels: int [N].
        features: float32 [N, F].
    """

    indices: np.ndarray
    labels: np.ndarray
    features: np.ndarray

    def __len__(self) -> int:
        return len(self.indices)

    def take(self, positions: np.ndarray) -> Sample:
        """Returns the images at these positions of the sample."""
        return Sample(
            self.indices[positions], self.labels[positions], self.features[positions]
        )


@dataclasses.dataclass(frozen=True, eq=False)
class Samples(Measurement):
    """A sample of the training images, and one of the validation images.

    Attributes:
        train: At most 2,000 images.
        validation: At most 2,000 images.
    """

    is_reported: ClassVar[bool] = False
    depends_on: ClassVar[Part] = Part.DATA
    train: Sample
    validation: Sample

    @classmethod
    def measure(cls, context: DiagnosisContext) -> Samples:
        """See base class."""
        indices = {
            name: chosen(len(context.split(name)), _MOST)
            for name in ("train", "validation")
        }
        features = Features(context.train.images[indices["train"]])
        return cls(
            **{
                name: Sample(
                    rows,
                    np.asarray(context.split(name).labels)[rows],
                    features(context.split(name).images[rows]),
                )
                for name, rows in indices.items()
            }
        )

    def of(self, name: str) -> Sample:
        """Returns the sample of "train" or "validation"."""
        return self.train if name == "train" else self.validation


@dataclasses.dataclass(frozen=True, eq=False)
class EmbeddedSamples(Measurement):
    """The images of `Samples` with the features of the user's embedding.

    Labels are judged by these. Checks that ask what there is to be learnt, whatever the
    network did, have the untrained ones: few networks reach what the embedding has
    learnt from other images.

    Attributes:
        samples: Those of `Samples` itself if there is no embedding.
    """

    is_reported: ClassVar[bool] = False
    depends_on: ClassVar[Part] = Part.DATA
    samples: Samples

    @classmethod
    def measure(cls, context: DiagnosisContext) -> EmbeddedSamples:
        """See base class."""
        samples = context.get(Samples)
        if context.embedding is None:
            return cls(samples)
        images = context.train.images[samples.train.indices]
        features = Features(images, context.embedding)
        embedded = {
            name: dataclasses.replace(
                samples.of(name),
                features=features(context.split(name).images[samples.of(name).indices]),
            )
            for name in ("train", "validation")
        }
        return cls(Samples(**embedded))


def chosen(count: int, most: int, seed: int = 0) -> np.ndarray:
    """Returns at most `most` of `count` positions, at random, in their order.

    Example:
        >>> chosen(5, 10)
        array([0, 1, 2, 3, 4])
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    return np.sort(generator.permutation(count)[:most])
