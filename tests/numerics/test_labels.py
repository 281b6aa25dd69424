"""Tests of framework/diagnose/labels.py."""

import numpy as np

from framework.numerics import labels


def test_classes_of_every_form():
    assert labels.classes(np.array([0, 2, 1])).tolist() == [0, 2, 1]
    assert labels.classes(np.array([[0], [2]])).tolist() == [0, 2]
    assert labels.classes(np.array([[0.9, 0.1], [0, 1]])).tolist() == [0, 1]
    assert labels.classes(np.array([1 / 255, np.nan, 2.0])).tolist() == [0, -1, 2]


def test_illegal_ones_are_not_counted():
    assert labels.counts(np.array([-1, 0, 0, 5, 2]), 3).tolist() == [2, 0, 1]
