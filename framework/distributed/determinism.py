"""Settings of TensorFlow on which the last bits of a computation depend."""

from __future__ import annotations

import os

import tensorflow as tf

from framework.errors import UsageError


def limit_threads(count: int) -> None:
    """Sets the number of threads that compute one operation, for the whole process.

    TensorFlow divides sums among them, so that the last bits depend on their number.

    Args:
        count: The number of threads; 0 leaves it as it is.

    Raises:
        UsageError: TensorFlow has computed already, with another number.
    """
    if not count or count == tf.config.threading.get_intra_op_parallelism_threads():
        return
    try:
        tf.config.threading.set_intra_op_parallelism_threads(count)
    except RuntimeError:
        raise UsageError(
            f"--threads={count}: TensorFlow already computes with {threads()} threads "
            f"in this process; set it before any other use of TensorFlow"
        ) from None


def threads() -> int:
    """Returns the number of threads that compute one operation."""
    limit: int = tf.config.threading.get_intra_op_parallelism_threads()
    return limit or len(os.sched_getaffinity(0))


def require_determinism_on_gpus() -> None:
    """Makes TensorFlow choose kernels on GPUs that give the same bits every time.

    On a CPU, its kernels for training do so anyway.
    """
    if tf.config.list_physical_devices("GPU"):
        tf.config.experimental.enable_op_determinism()
