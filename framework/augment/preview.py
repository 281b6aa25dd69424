"""Shows what augmentation makes of images."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from framework.augment.policy import Policy
from framework.data.dataset import LabelledImages
from framework.numerics.draws import Draws

_IMAGES = 4
_DRAWS = 8


def samples(
    policy: Policy | None, split: LabelledImages, seed: int
) -> list[np.ndarray]:
    """Returns some images, each followed by what augmentation makes of it.

    Args:
        policy: The augmentation; None for no pictures at all.
        split: Whose images: four, evenly spaced.
        seed: Of the draws.

    Returns:
        float32 [1 + 8, height, width, C] for each of them.
    """
    if policy is None:
        return []
    chosen = np.linspace(0, len(split) - 1, _IMAGES).astype(np.int64)
    images = split.take(chosen).in_memory(lambda done, total: None).images
    # In this order the partner of an image is another one, to be mixed with.
    repeated = np.concatenate([images] * _DRAWS)
    start = tf.constant(0, tf.int64)
    draws = Draws(seed, step=start, start=start, rows=len(repeated))
    changed = policy(tf.constant(repeated), draws, len(repeated))
    if policy.mixes:
        changed, _ = policy.mix(changed, draws, tf.fill(len(repeated), True))
    groups = changed.numpy().reshape(_DRAWS, *images.shape).swapaxes(0, 1)
    return [
        np.concatenate([image[None].astype(np.float32), group])
        for image, group in zip(images, groups, strict=True)
    ]
