"""Tests of framework/diagnose/programs/untouched.py."""

import numpy as np
import pytest

from framework.diagnose.programs.untouched import Untouched
from framework.errors import UsageError

X, Y = np.zeros((30, 4), np.float32), np.arange(30) % 3


class Sealed:
    """An array whose values must not be read."""

    def __init__(self, *shape):
        self.shape = shape

    def __getattr__(self, name):
        raise AssertionError(f"{name} of the test part is used")

    def __array__(self, *arguments, **options):
        raise AssertionError("the test part is read")


def test_only_shapes_are_read_before_it_is_opened():
    test = Untouched((Sealed(7, 4), Sealed(7)), (X, Y))
    assert len(test) == 7
    with pytest.raises(AssertionError):
        test.opened()


def test_opened_it_is_as_training_data_are_fed():
    x, y = Untouched(
        (X[:5].astype(np.float64).tolist(), Y[:5].tolist()), (X, Y)
    ).opened()
    assert (x.dtype, x.shape, y.tolist()) == (np.float32, (5, 4), Y[:5].tolist())
    one_hot = np.eye(3)[Y]
    _, y = Untouched((X[:5], one_hot[:5]), (X, one_hot)).opened()
    assert y.shape == (5, 3)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (X, r"must be a pair of arrays \(x, y\), not ndarray"),
        ((X, Y, Y), "not tuple"),
        ((X[:, :3], Y), r"x must be \[N, 4\] as in training, not \(30, 3\)"),
        ((X, np.eye(3)[Y]), r"y must be \[N\] as in training, not \(30, 3\)"),
        ((X, np.int64(1)), r"y must be \[N\]"),
        ((X[:4], Y[:3]), "there are 4 images but 3 labels"),
        ((X[:0], Y[:0]), "there are 0 images but 0 labels"),
    ],
)
def test_other_forms_than_those_of_training_are_refused(data, message):
    with pytest.raises(UsageError, match=message):
        Untouched(data, (X, Y))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ((np.full((1, 4), np.nan), Y[:1]), "x has NaN or infinite"),
        ((X[:2], np.array([0, 3])), "y has class 3, which training has not"),
        ((X[:2], np.array([0.0, np.nan])), "y has class -1"),
    ],
)
def test_bad_values_are_found_when_it_is_opened(data, message):
    test = Untouched(data, (X, Y))
    with pytest.raises(UsageError, match=message):
        test.opened()
