"""Tests of framework/diagnose/programs/keras_epochs.py."""

import numpy as np
import pytest

from framework.data.split import Split
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import NotApplicableError
from framework.diagnose.programs.keras_data import Source
from framework.diagnose.programs.keras_epochs import training_epochs

_N = 60
Y = np.arange(_N) % 3
X = np.random.default_rng(0).normal(size=(_N, 8, 8, 1)).astype(np.float32)
X += Y[:, None, None, None]


def fed(intervention, epochs=1.0, data=None, y=Y):
    """Returns the epochs of a trial: images, labels and batch size."""
    data = data or Source((X, y), batch_size=20, shuffle=False)
    return [
        (each.x[order], each.y[order], size)
        for each, order, size in training_epochs(data, intervention, epochs)
    ]


@pytest.mark.parametrize(
    ("epochs", "batch_size", "steps"),
    [
        (1.0, 1.0, [(60, 20)]),
        (2.5, 1.0, [(60, 20), (60, 20), (40, 20)]),
        (0.1, 1.0, [(20, 20)]),
        # As many examples, in other batches.
        (1.0, 0.5, [(60, 10)]),
        (2.0, 3.0, [(60, 60), (60, 60)]),
        (1.0, 0.001, [(60, 1)]),
    ],
)
def test_how_long_it_trains(epochs, batch_size, steps):
    result = fed(Intervention(batch_size_factor=batch_size), epochs)
    assert [(len(x), size) for x, _, size in result] == steps


def test_orders_are_those_of_the_source():
    data = Source((X, Y), batch_size=20, shuffle=True)
    result = fed(Intervention(), 2.0, data)
    for epoch, (_, labels, _) in enumerate(result):
        assert np.array_equal(labels, Y[data.order(epoch, _N)])


def test_what_is_to_be_shuffled_is():
    labels = [labels for _, labels, _ in fed(Intervention(shuffle=True), 2.0)]
    assert not np.array_equal(labels[0], Y)
    assert not np.array_equal(labels[0], labels[1])
    assert np.array_equal(np.sort(labels[0]), np.sort(Y))


@pytest.mark.parametrize("form", [lambda y: y, lambda y: np.eye(3)[y]])
def test_classes_are_balanced(form):
    rare = np.where(np.arange(_N) < 50, 0, 1 + np.arange(_N) % 2)
    ((_, labels, _),) = fed(Intervention(balance=True), y=form(rare))
    counts = np.bincount(labels if labels.ndim == 1 else labels.argmax(axis=1))
    assert counts.min() > 10


def test_other_images_are_trained_on_as_often():
    split = Split(X[:10], Y[:10])
    result = fed(Intervention(train=split), 1.0)
    assert [(len(x), size) for x, _, size in result] == [(10, 20)] * 3
    ((x, labels, _),) = fed(Intervention(train=split), 0.1, y=np.eye(3)[Y])
    assert np.array_equal(np.sort(labels.argmax(axis=1)), np.sort(Y[:10]))
    assert {image.tobytes() for image in x} == {image.tobytes() for image in X[:10]}


def test_images_are_changed_at_random():
    result = [x for x, _, _ in fed(Intervention(augment="rotate(90)"), 2.0)]
    assert not np.allclose(result[0], X)
    assert not np.allclose(result[0], result[1])
    again = fed(Intervention(augment="rotate(90)"))[0][0]
    assert np.array_equal(again, result[0])
    assert np.array_equal(fed(Intervention(augment=""))[0][0], X)


def test_what_is_no_image_cannot_be_changed_so():
    rows = Source((X.reshape(_N, -1), Y), shuffle=False)
    with pytest.raises(NotApplicableError, match="not images"):
        fed(Intervention(augment="flip"), data=rows)
