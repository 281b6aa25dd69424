"""Training images from a tf.data.Dataset of the user's own, in its own order."""

from __future__ import annotations

import dataclasses
import re

import tensorflow as tf

NOTE = (
    "inexact stream: its order is not the framework's. A resumed run reads it from the "
    "start again, so its numbers are not those of an uninterrupted run, and the same "
    "command may give others"
)

# Where TensorFlow's message has what user's code has raised, or an assertion.
_RAISED = re.compile(r"^[\w.]*(?:Error|Exception): .*|^assertion failed: .*", re.M)


@dataclasses.dataclass(frozen=True, eq=False)
class Stream:
    """Training examples that can be read in one order only, and not from a position.

    Attributes:
        examples: Elements (image, label), or (image, label, weight) of single examples:
            uint8 or float32 [height, width, C], int32 [] or [K], float32 []. They need
            not be the same each time.
        images: The number of images in an epoch, which need not be that of a pass.
    """

    examples: tf.data.Dataset
    images: int


def reason(problem: tf.errors.OpError) -> str:
    r"""Returns why reading a pipeline has failed, from TensorFlow's long message.

    >>> message = "Graph execution error: at node X\nOSError: no such file\n[[X]]"
    >>> reason(tf.errors.UnknownError(None, None, message))
    'OSError: no such file'

    Args:
        problem: The error.
    """
    raised: list[str] = _RAISED.findall(problem.message)
    return raised[-1] if raised else problem.message
