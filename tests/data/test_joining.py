"""Tests of framework/data/joining.py."""

import numpy as np
import pytest

from framework.data.files import Files
from framework.data.joining import joined
from framework.data.split import LazySplit, Split

LABELS = np.array([0, 1], np.int32)
WEIGHTS = np.array([2, 3], np.float32)


def arrays(value, **more):
    return Split(np.full((2, 1, 1, 1), value, np.uint8), LABELS, **more)


def files(*names, **more):
    return LazySplit(Files(names, (1, 1), resize="pad"), LABELS, **more)


def test_joins_arrays_with_their_weights_and_groups():
    both = joined(
        arrays(1, weights=WEIGHTS, groups=LABELS), arrays(2, groups=LABELS + 5)
    )
    assert both.images.ravel().tolist() == [1, 1, 2, 2]
    assert both.labels.tolist() == [0, 1, 0, 1]
    assert both.weights.tolist() == [2, 3, 1, 1]
    assert both.groups.tolist() == [0, 1, 5, 6]


def test_joins_files():
    both = joined(files("a", "b"), files("c", "d", groups=LABELS))
    assert both.images == Files(("a", "b", "c", "d"), (1, 1), resize="pad")
    assert both.weights is None
    assert both.groups is None


@pytest.mark.parametrize("other", [arrays(1), LazySplit(None, LABELS)])
def test_joins_no_others(other):
    assert joined(files("a", "b"), other) is None
