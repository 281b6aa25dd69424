"""Tests of framework/data/given.py."""

import numpy as np
import pytest
import tensorflow as tf

from framework.data.arrays import arrays, digits
from framework.data.given import as_dataset, from_arrays
from framework.errors import RunError, UsageError

STREAM = tf.data.Dataset.range(4)
X, Y = np.zeros((6, 4, 5), np.uint8), np.array([0, 1, 2, 0, 1, 2])


@pytest.mark.parametrize(
    "given", [(X, Y, X, Y), [(X, Y), (X, Y)], (X, Y[:, None], X, Y.tolist())]
)
def test_arrays_in_several_forms(given):
    dataset = as_dataset(given)
    assert dataset.image_shape == (4, 5, 1)
    assert dataset.class_names == ("0", "1", "2")
    assert dataset.test is None
    np.testing.assert_array_equal(dataset.validation.labels, Y)


def test_a_test_part_and_class_names():
    dataset = from_arrays(X, Y, X, Y, X[:3], Y[:3], class_names="abc")
    assert dataset.class_names == ("a", "b", "c")
    assert len(dataset.test) == 3
    assert as_dataset((X, Y, X, Y, X[:3], Y[:3])).test is not None


def test_a_dataset_stays():
    dataset = digits()
    assert as_dataset(dataset) is dataset


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (X, UsageError, "not a ndarray"),
        ((STREAM, STREAM), UsageError, "framework.data.inexact_stream"),
        (STREAM, UsageError, "framework.data.inexact_stream"),
        ((X, Y), UsageError, "not 2 arrays"),
        ((X, Y, X, Y, X), UsageError, "not 5 arrays"),
        ((X, Y, X, Y, X, None), UsageError, "give x_test and y_test, or neither"),
        ((X, np.eye(3)[Y], X, Y), RunError, r"y_train must .* labels.argmax\(axis=1\)"),
        ((X, Y, X, Y + 0.5), RunError, "y_validation must be integers, not 0.5"),
        ((X, Y, X / 255, Y), RunError, "convert both to one type"),
        ((X, Y[:-1], X, Y), RunError, "one class number per image"),
        ((X, np.array(list("abcabc")), X, Y), RunError, "numpy.unique"),
    ],
)
def test_what_cannot_be_trained_on(given, error, message):
    with pytest.raises(error, match=message):
        as_dataset(given)


def test_a_data_set_of_arrays_is_that_of_their_file(tmp_path):
    weights = {"weights": np.arange(6), "validation_weights": np.ones((6, 1))}
    names = ["cat", "dog", "owl"]
    given = from_arrays(X, Y, X, Y, class_names=names, **weights)
    content = {"x_train": X, "y_train": Y, "x_validation": X, "y_validation": Y}
    np.savez(tmp_path / "it.npz", **content, class_names=names, **weights)
    stored = arrays(str(tmp_path / "it.npz"))
    for part in ("train", "validation"):
        one, other = getattr(given, part), getattr(stored, part)
        assert one.weights.dtype == np.float32
        for name in ("images", "labels", "weights"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert given.class_names == stored.class_names


def test_labels_of_0_and_1_are_several():
    labels = np.array([[1, 1], [0, 1]])
    assert from_arrays(X[:2], labels, X[:1], labels[1:]).has_several_labels
    with pytest.raises(RunError, match="y_train must be class numbers"):
        from_arrays(X[:2], labels[::-1] - [[0, 0], [1, 0]], X[:1], labels[1:])
