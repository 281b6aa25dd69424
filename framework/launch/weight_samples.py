"""Samples of a network's weights, for histograms."""

from __future__ import annotations

import re

import keras
import numpy as np
import tensorflow as tf

# The most kernels, and the most values of each: more would not change a histogram.
_KERNELS, _VALUES = 24, 2**16


def samples(model: keras.Model) -> dict[str, np.ndarray]:
    """Returns evenly spaced values of evenly spaced trainable kernels.

    A name is the kernel's position and its path without the numbers that Keras counts
    in a process: it is the same after a restart.

    Args:
        model: The network.

    Returns:
        float32 [n] by name, in the network's order.
    """
    kernels = [each for each in model.trainable_variables if len(each.shape) >= 2]
    places = np.linspace(0, len(kernels) - 1, min(len(kernels), _KERNELS))
    values = {}
    for place in np.unique(places.astype(int)):
        kernel = kernels[place]
        stride = -(-int(np.prod(kernel.shape)) // _VALUES)
        # On its device: the rest is not copied.
        chosen = tf.reshape(kernel.value, [-1])[::stride]
        path = re.sub(r"_\d+(?=/|$)", "", kernel.path)
        values[f"{place:02d}_{path}"] = tf.cast(chosen, tf.float32).numpy()
    return values
