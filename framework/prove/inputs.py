"""What a change of the inputs does to them, measured on a sample of the images."""

from __future__ import annotations

import dataclasses

import numpy as np

from framework.augment import build as build_augmentation
from framework.augment import normalize, preview
from framework.data.dataset import Dataset
from framework.data.split import LabelledImages, Split
from framework.diagnose import augmented
from framework.diagnose.measure import shift
from framework.diagnose.measure.features import Scale

# Enough for the test of two samples, which takes at most 500 of each split.
_SAMPLE = 1_000
# Augmented images are drawn with this seed, whatever that of the run.
_SEED = 0


@dataclasses.dataclass(frozen=True, eq=False)
class Images:
    """A sample of the images of a proof.

    Attributes:
        train: Training images.
        validation: Validation images.
    """

    train: Split
    validation: Split

    @classmethod
    def of(cls, dataset: Dataset) -> Images:
        """Reads evenly spaced images of a data set."""
        return cls(_some(dataset.train), _some(dataset.validation))


def pixel_change(images: Split, augment: str) -> float:
    """Returns how much an augmentation changes pixels.

    Args:
        images: Training images.
        augment: A spec; "" for none.

    Returns:
        The mean absolute difference from the image itself, as a multiple of the
        standard deviation of all pixels.
    """
    policy = build_augmentation(augment, of_bytes=images.dtype == np.uint8)
    groups = preview.samples(policy, images, _SEED)
    if not groups:
        return 0.0
    deviation = float(np.std(images.images, dtype=np.float64)) or 1.0
    changes = [np.abs(group[1:] - group[:1]).mean() for group in groups]
    return float(np.mean(changes)) / deviation


def told_apart(images: Images, augment: str) -> tuple[float, float]:
    """Tells augmented training images and validation images apart.

    Args:
        images: The images.
        augment: A spec; "" for none.

    Returns:
        The area under the curve of a classifier, from 0.5, and its p-value.

    Raises:
        NotApplicableError: There are too few images, or they are none.
    """
    train, validation = images.train, images.validation
    changed = Split(np.asarray(augmented(train.images, augment, 0)), train.labels)
    return shift.told_apart(changed, validation, Scale.of(train.images))


def root_mean_square(images: Split, spec: str) -> float:
    """Returns the root mean square of normalized training images.

    It is 1 where their mean is 0 and their standard deviation is 1.

    Args:
        images: The images.
        spec: Of the normalization.
    """
    scaling = normalize.build(spec, images, np.arange(len(images)))
    values = np.asarray(scaling(images.images), np.float64)
    return float(np.sqrt(np.mean(values**2)))


def _some(split: LabelledImages) -> Split:
    rows = np.linspace(0, len(split) - 1, min(_SAMPLE, len(split))).astype(np.int64)
    return split.take(rows).in_memory(lambda done, total: None)
