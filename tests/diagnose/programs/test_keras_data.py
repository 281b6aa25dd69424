"""Tests of framework/diagnose/programs/keras_data.py."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from framework.diagnose.programs import keras_data as source_lib
from framework.diagnose.programs.keras_data import Source, like
from framework.errors import UsageError
from framework.numerics.labels import classes

_N, _CLASSES = 50, 5
X = np.random.default_rng(0).random((_N, 4), np.float32)
Y = np.arange(_N) % _CLASSES


class Batches(keras.utils.PyDataset):
    """Batches of 20; each epoch adds to the images what it is told."""

    def __init__(self, change=0.0):
        super().__init__()
        self.change, self.epoch = change, 0

    def __len__(self):
        return 3

    def __getitem__(self, index):
        rows = slice(20 * index, 20 * (index + 1))
        return X[rows] + self.change * self.epoch, Y[rows]

    def on_epoch_end(self):
        self.epoch += 1


def batches(epochs):
    for _ in range(epochs):
        for start in range(0, _N, 20):
            yield X[start : start + 20], Y[start : start + 20]


def dataset():
    return tf.data.Dataset.from_tensor_slices((X, Y))


def noisy():
    """Returns a dataset of other images in each pass, whatever the global seed is."""
    generator = np.random.default_rng(0)

    def draw():
        yield from zip(X + generator.random(X.shape, np.float32), Y, strict=True)

    kinds = tf.TensorSpec((4,), tf.float32), tf.TensorSpec((), tf.int64)
    return tf.data.Dataset.from_generator(draw, output_signature=kinds).batch(20)


def divided(is_shuffled_anew, part):
    """Returns 20 of 50 examples, or the others, of a dataset that is shuffled first."""
    data = dataset().shuffle(_N, seed=3, reshuffle_each_iteration=is_shuffled_anew)
    return Source((data.take(20) if part else data.skip(20)).batch(10))


@pytest.mark.parametrize("is_shuffled_anew", [True, False])
def test_data_divided_anew_in_each_pass_are_told(is_shuffled_anew):
    validation, train = (divided(is_shuffled_anew, part) for part in (True, False))
    assert validation.is_random == is_shuffled_anew
    assert validation.is_reshuffled_with(train) == is_shuffled_anew


def test_images_changed_at_random_are_not_divided_anew():
    assert not Source(noisy()).is_reshuffled_with(Source(dataset().batch(20)))


ONE_PASS = {
    "arrays": lambda: Source((X, Y), batch_size=20, shuffle=False),
    "list": lambda: Source([X, Y], batch_size=20, shuffle=False),
    "weighted": lambda: Source((X, Y, np.ones(_N)), batch_size=20, shuffle=False),
    "tf.data": lambda: Source(dataset().batch(20)),
    "endless": lambda: Source(dataset().repeat().batch(20), steps=3),
    "PyDataset": lambda: Source(Batches()),
    "generator": lambda: Source(batches(1)),
    "endless generator": lambda: Source(batches(100), steps=3),
}


@pytest.mark.parametrize("kind", ONE_PASS)
def test_an_epoch_is_what_fit_would_feed(kind):
    source = ONE_PASS[kind]()
    count = 60 if kind == "endless" else _N
    for x, y in (source.arrays, source.epoch(), source.epoch()):
        assert np.array_equal(x[:_N], X)
        assert np.array_equal(y, np.resize(Y, count))
    assert (source.batch_size, source.is_random) == (20, False)
    assert np.array_equal(source.order(3, count), np.arange(count))


def test_a_shuffling_dataset_gives_the_same_images_in_new_orders():
    data = dataset().shuffle(_N, seed=1).batch(20)
    source = Source(data)
    epochs = [source.epoch() for _ in range(2)]
    assert not np.array_equal(epochs[0][1], epochs[1][1])
    for x, y in epochs:
        order = np.lexsort(X.T), np.lexsort(x.T)
        assert np.array_equal(X[order[0]], x[order[1]])
        assert np.array_equal(Y[order[0]], y[order[1]])
    assert (source.is_random, source.shuffle) == (False, False)


@pytest.mark.parametrize(
    "data",
    [noisy, lambda: Batches(change=0.1)],
)
def test_augmentation_gives_other_images(data):
    source = Source(data())
    assert source.is_random
    one, other = source.epoch()[0], source.epoch()[0]
    assert not np.array_equal(one, other)


def test_a_generator_that_ends_gives_its_last_epochs_again():
    def rising():
        for value in range(3):
            yield np.full((2, 1), value, np.float32), np.zeros(2)

    source = Source(rising(), steps=1)
    assert source.is_random
    # The first two were looked at already; what is fed once they end is the first.
    assert [float(source.epoch()[0][0, 0]) for _ in range(3)] == [2.0, 0.0, 0.0]


def test_arrays_are_shuffled_anew_in_each_epoch_and_always_alike():
    source = Source((X, Y))
    first, second = source.order(0, _N), source.order(1, _N)
    assert sorted(first) == sorted(second) == list(range(_N))
    assert not np.array_equal(first, second)
    assert np.array_equal(first, Source((X, Y)).order(0, _N))
    assert (source.batch_size, source.shuffle) == (32, True)


def test_doubles_are_fed_as_fit_feeds_them():
    assert Source((X.astype(np.float64), Y)).arrays[0].dtype == np.float32
    assert Source(((255 * X).astype(np.uint8), Y)).arrays[0].dtype == np.uint8


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Source((X, Y[:-1])), "there are 50 images but 49 labels"),
        (lambda: Source((X[:0], Y[:0])), "there are 0 images but 0 labels"),
        (lambda: Source(dataset().repeat().batch(20)), "needs steps_per_epoch"),
        (lambda: Source(dataset()), "must be batched"),
        (lambda: Source(dataset().take(0).batch(20)), "at least one batch"),
        (lambda: Source(batches(0)), "at least one batch"),
        (lambda: Source(X), "must be .* not ndarray"),
        (lambda: Source((X,)), "must be .* not tuple"),
        (lambda: Source(None), "must be .* not NoneType"),
        (lambda: Source(batches(9)), "does not end.* needs steps_per_epoch"),
    ],
)
def test_what_fit_would_not_take_is_refused(make, message, monkeypatch):
    monkeypatch.setattr(source_lib, "_MOST_BATCHES", 20)
    with pytest.raises(UsageError, match=message):
        make()


@pytest.mark.parametrize(
    "y",
    [
        Y,
        Y.astype(np.float32),
        Y[:, None],
        np.eye(_CLASSES)[Y],
        np.eye(_CLASSES, dtype=np.int64)[Y],
    ],
)
def test_labels_of_any_form(y):
    class_numbers = classes(y)
    assert class_numbers.dtype == np.int64
    assert np.array_equal(class_numbers, Y)


def test_labels_that_are_no_numbers_are_no_class():
    assert classes(np.array([0.0, np.nan, 2.0])).tolist() == [0, -1, 2]
    assert classes(np.array([[np.nan, 1.0], [1.0, 0.0]])).tolist() == [1, 0]


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
def test_labels_in_the_form_of_others_are_the_same_labels(labels, y):
    converted = like(y, np.array(labels))
    assert (converted.dtype, converted.shape) == (y.dtype, (len(labels), *y.shape[1:]))
    assert classes(converted).tolist() == labels
