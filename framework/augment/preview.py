"""Example images of an augmentation."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from framework.augment.policy import Policy
from framework.data.split import LabelledImages
from framework.numerics.draws import Draws

_IMAGES = 4
_DRAWS = 8


def samples(
    policy: Policy | None, split: LabelledImages, seed: int
) -> list[np.ndarray]:
    """Returns four images, each followed by eight augmented versions.

    Args:
        policy: The augmentation; None returns an empty list.
        split: The images are evenly spaced in this split.
        seed: The seed of the random numbers.

    Returns:
        float32 [1 + 8, height, width, C] for each image.
    """
    if policy is None:
        return []
    indices = np.linspace(0, len(split) - 1, _IMAGES).astype(np.int64)
    images = split.take(indices).in_memory(lambda done, total: None).images
    assert isinstance(images, np.ndarray)
    # In this order the mixing partner of an image is a different image.
    repeated = np.concatenate([images] * _DRAWS)
    start = tf.constant(0, tf.int64)
    draws = Draws(seed, step=start, start=start, rows=len(repeated))
    augmented = policy(tf.constant(repeated), draws, len(repeated))
    if policy.has_mix:
        augmented, _ = policy.mix(augmented, draws, tf.fill(len(repeated), True))
    groups = augmented.numpy().reshape(_DRAWS, *images.shape).swapaxes(0, 1)
    return [
        np.concatenate([image[None].astype(np.float32), group])
        for image, group in zip(images, groups, strict=True)
    ]
