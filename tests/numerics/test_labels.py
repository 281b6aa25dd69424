"""Tests of framework/numerics/labels.py."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from framework.numerics import labels


def test_classes_of_every_form():
    assert labels.classes(np.array([0, 2, 1])).tolist() == [0, 2, 1]
    assert labels.classes(np.array([[0], [2]])).tolist() == [0, 2]
    assert labels.classes(np.array([[0.9, 0.1], [0, 1]])).tolist() == [0, 1]
    assert labels.classes(np.array([1 / 255, np.nan, 2.0])).tolist() == [0, -1, 2]


def test_illegal_ones_are_not_counted():
    assert labels.counts(np.array([-1, 0, 0, 5, 2]), 3).tolist() == [2, 0, 1]


_LABELS = st.lists(st.integers(0, 4), min_size=1, max_size=9)


@given(
    _LABELS,
    st.sampled_from(
        [
            np.zeros(3, np.int32),
            np.zeros(3, np.float32),
            np.zeros((3, 1), np.int64),
            np.zeros((3, 5), np.float32),
        ]
    ),
)
def test_labels_in_the_form_of_others_are_the_same(given_labels, y):
    converted = labels.like(y, np.array(given_labels))
    assert (converted.dtype, converted.shape) == (
        y.dtype,
        (len(given_labels), *y.shape[1:]),
    )
    assert labels.classes(converted).tolist() == given_labels
