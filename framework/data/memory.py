"""Arrays whose memory TensorFlow uses without a copy.

`tf.constant` copies an array twice, and keeps one of the copies. TensorFlow can use the
array's own memory if that begins at a multiple of 64 bytes, which that of `np.empty`
does not.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import tensorflow as tf

# TensorFlow's kernels require it (EIGEN_MAX_ALIGN_BYTES).
_ALIGNMENT = 64
# Bytes that are copied at a time, so that temporary arrays stay small.
_CHUNK = 2**24


def empty(shape: Sequence[int], dtype: npt.DTypeLike) -> np.ndarray:
    """Returns an array of arbitrary values whose memory TensorFlow can use.

    >>> empty((2, 3), np.float32).ctypes.data % 64
    0

    Args:
        shape: Its shape.
        dtype: Its type.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    content = np.empty(size + _ALIGNMENT, np.uint8)
    start = -content.ctypes.data % _ALIGNMENT
    return content[start : start + size].view(dtype).reshape(shape)


def usable(array: np.ndarray) -> np.ndarray:
    """Returns an array itself if TensorFlow can use its memory, or else a copy."""
    if _is_usable(array):
        return array
    copy = empty(array.shape, array.dtype)
    copy[...] = array
    return copy


def take(array: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """Returns `array[indices]`, in memory that TensorFlow can use.

    >>> take(np.array([[1], [2], [3]]), np.array([2, 0])).tolist()
    [[3], [1]]

    Args:
        array: [N, ...].
        indices: int [n], or bool [N].
    """
    chosen = np.arange(len(array))[indices]
    result = empty((len(chosen), *array.shape[1:]), array.dtype)
    for rows in slices(result):
        result[rows] = array[chosen[rows]]
    return result


def slices(array: np.ndarray) -> Iterable[slice]:
    """Yields slices of the first axis of about 16 MB each.

    >>> list(slices(np.zeros((3, 2**24), np.uint8)))
    [slice(0, 1, None), slice(1, 2, None), slice(2, 3, None)]
    """
    step = max(_CHUNK * len(array) // max(array.nbytes, 1), 1)
    for start in range(0, len(array), step):
        yield slice(start, min(start + step, len(array)))


def as_tensor(array: np.ndarray) -> tf.Tensor:
    """Returns the array as a tensor on TensorFlow's default device.

    On a CPU the tensor has the memory of `usable(array)`, which must not be changed
    afterwards.
    """
    usable_array = usable(array)
    if not _is_usable(usable_array):
        # It has no values.
        return tf.constant(usable_array)
    tensor = tf.experimental.dlpack.from_dlpack(usable_array.__dlpack__())
    # Copies it to another default device, such as a GPU.
    return tf.identity(tensor)


def _is_usable(array: np.ndarray) -> bool:
    flags = array.flags
    # NumPy does not export arrays that cannot be written to.
    is_exported = flags.c_contiguous and flags.writeable and array.size > 0
    return is_exported and array.ctypes.data % _ALIGNMENT == 0
