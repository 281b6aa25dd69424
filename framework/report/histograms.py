"""Histograms of weights and of their updates, for TensorBoard."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.histogram import metadata
from tensorboard.util import tensor_util

# TensorBoard's own number.
_BUCKETS = 30


def summaries(prefix: str, values: Mapping[str, np.ndarray]) -> list[Summary]:
    """Returns a histogram of the finite values of each array.

    Args:
        prefix: Of the names of the histograms.
        values: float arrays by name.
    """
    return [
        _summary(f"{prefix}/{name}", buckets(array)) for name, array in values.items()
    ]


def buckets(values: np.ndarray) -> np.ndarray:
    """Counts values in buckets of equal width.

    >>> buckets(np.array([0.0, 0.0, 3.0]))[[0, -1]].round(1).tolist()
    [[0.0, 0.1, 2.0], [2.9, 3.0, 1.0]]

    Args:
        values: float, of any shape; those that are not finite are left out.

    Returns:
        float64 [buckets, 3]: the left and right end of each, and its number of values.
    """
    finite = values[np.isfinite(values)].astype(np.float64)
    if not finite.size:
        return np.zeros((_BUCKETS, 3))
    low, high = float(finite.min()), float(finite.max())
    if low == high:
        result = np.full((_BUCKETS, 3), low)
        result[:, 2] = 0
        result[-1, 2] = finite.size
        return result
    counts, edges = np.histogram(finite, _BUCKETS, (low, high))
    return np.stack([edges[:-1], edges[1:], counts], axis=1)


def _summary(tag: str, counts: np.ndarray) -> Summary:
    about = metadata.create_summary_metadata(display_name=tag, description="")
    tensor = tensor_util.make_tensor_proto(counts)
    return Summary(value=[Summary.Value(tag=tag, metadata=about, tensor=tensor)])
