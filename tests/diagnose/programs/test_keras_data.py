"""Tests of framework/diagnose/programs/keras_data.py."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from framework.diagnose.programs import keras_batches
from framework.diagnose.programs import keras_data as source_lib
from framework.diagnose.programs.keras_data import Source
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
    "endless": lambda: Source(dataset().batch(20).repeat(), steps=3),
    "PyDataset": lambda: Source(Batches(), shuffle=False),
    "generator": lambda: Source(batches(1)),
    "endless generator": lambda: Source(batches(100), steps=3),
}


@pytest.mark.parametrize("kind", ONE_PASS)
def test_an_epoch_is_what_fit_would_feed(kind):
    source = ONE_PASS[kind]()
    for x, y in (source.arrays, source.epoch()[:2], source.epoch()[:2]):
        assert np.array_equal(x, X)
        assert np.array_equal(y, Y)
    assert (source.batch_size, source.is_random) == (20, False)
    assert np.array_equal(source.order(3, _N), np.arange(_N))


def test_a_shuffling_dataset_gives_the_same_images_in_new_orders():
    data = dataset().shuffle(_N, seed=1).batch(20)
    source = Source(data)
    epochs = [source.epoch() for _ in range(2)]
    assert not np.array_equal(epochs[0][1], epochs[1][1])
    for x, y, _ in epochs:
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
        (lambda: Source(dataset().repeat().batch(20)), "need steps_per_epoch"),
        (lambda: Source(dataset()), "must be batched"),
        (lambda: Source(dataset().take(0).batch(20)), "at least one batch"),
        (lambda: Source(batches(0)), "at least one batch"),
        (lambda: Source(X), "must be .* not ndarray"),
        (lambda: Source((X,)), "must be .* not tuple"),
        (lambda: Source(None), "must be .* not NoneType"),
        (lambda: Source(batches(9)), "do not end.* need steps_per_epoch"),
    ],
)
def test_what_fit_would_not_take_is_refused(make, message, monkeypatch):
    monkeypatch.setattr(keras_batches, "_MOST_BATCHES", 20)
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


W = np.random.default_rng(2).random(_N).astype(np.float32)


class Weighted(Batches):
    def __getitem__(self, index):
        return *super().__getitem__(index), W[20 * index : 20 * (index + 1)]


def weighted_batches():
    for start in range(0, _N, 20):
        rows = slice(start, start + 20)
        yield X[rows], Y[rows], W[rows, None]


WEIGHTED = {
    "arrays": lambda: Source((X, Y, W), 20, shuffle=False),
    "column": lambda: Source((X, Y, W[:, None]), 20, shuffle=False),
    "list": lambda: Source((X, Y, list(W)), 20, shuffle=False),
    "beside": lambda: Source((X, Y), 20, shuffle=False, sample_weight=W),
    "tf.data": lambda: Source(tf.data.Dataset.from_tensor_slices((X, Y, W)).batch(20)),
    "PyDataset": lambda: Source(Weighted(), shuffle=False),
    "generator": lambda: Source(weighted_batches()),
}


@pytest.mark.parametrize("kind", WEIGHTED)
def test_weights_of_examples_are_fed(kind):
    source = WEIGHTED[kind]()
    for weights in (source.weights, source.epoch().weights, source.epoch().weights):
        assert weights.dtype == np.float32
        np.testing.assert_array_equal(weights, W)
    # Of a part of them, in another order; of unknown images, the mean.
    rows = np.array([4, 2, 4])
    known = source.weights_of(X[rows], Y[rows])
    np.testing.assert_array_equal(known, W[rows])
    np.testing.assert_allclose(source.weights_of(X[:1] + 1, Y[:1]), [W.mean()])


@pytest.mark.parametrize("form", [lambda y: y, lambda y: np.eye(_CLASSES)[y]])
@pytest.mark.parametrize("make", [lambda y: (X, y), lambda y: batched(y)])
def test_weights_of_classes_are_those_of_their_examples(form, make):
    source = Source(make(form(Y)), 20, shuffle=False, class_weight={1: 5.0, 2: 0.0})
    expected = np.array([1, 5, 0, 1, 1], np.float32)[Y]
    np.testing.assert_array_equal(source.weights, expected)
    np.testing.assert_array_equal(source.epoch().weights, expected)
    # A new label has the weight of its class.
    assert list(source.weights_of(X[:1], form(np.array([1])))) == [5.0]


def batched(y):
    return tf.data.Dataset.from_tensor_slices((X, y)).batch(20)


def test_without_weights_there_are_none():
    source = Source((X, Y))
    assert source.weights is None
    assert source.epoch().weights is None
    assert source.weights_of(X, Y) is None


def test_an_epoch_continues_where_the_one_before_has_ended():
    """As in fit, which begins a dataset anew only at its end."""
    kinds = (
        dataset().batch(10).repeat(),
        dataset().batch(10),
        batches_of_ten(100),
        Endless(),
    )
    for data in kinds:
        source = Source(data, steps=2, shuffle=False)
        # The first pass, and the third, since the second was looked at.
        np.testing.assert_array_equal(source.arrays[0], X[:20])
        np.testing.assert_array_equal(source.second[0], X[20:40])
        third = source.epoch().x
        np.testing.assert_array_equal(third[:10], X[40:])


def batches_of_ten(epochs):
    for _ in range(epochs):
        for start in range(0, _N, 10):
            yield X[start : start + 10], Y[start : start + 10]


class Endless(keras.utils.PyDataset):
    @property
    def num_batches(self):
        return None

    def __getitem__(self, index):
        rows = np.arange(10 * index, 10 * index + 10) % _N
        return X[rows], Y[rows]


def test_batches_of_a_pydataset_are_shuffled_as_fit_does():
    source = Source(Batches())
    epochs = [source.epoch() for _ in range(6)]
    assert not source.is_random
    assert len({each.x.tobytes() for each in epochs}) == 2
    for each in epochs:
        assert sorted(each.x[:, 0]) == sorted(X[:, 0])
        # The smaller one is the last.
        np.testing.assert_array_equal(each.x[-10:], X[-10:])
    assert source.batch_size == 20


def test_the_last_examples_are_for_validation():
    train, validation = source_lib.divided((X, Y, W), 0.2)
    assert (len(train.x), len(validation.x)) == (40, 10)
    np.testing.assert_array_equal(validation.weights, W[40:])
    assert source_lib.divided((X, Y), 0.2)[0].weights is None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Source(({"a": X, "b": X}, Y)), "several inputs cannot be explained"),
        (lambda: Source(([X, X], Y)), "several inputs cannot be explained"),
        (lambda: Source((X, [Y, Y])), "several outputs cannot be explained"),
        (
            lambda: Source(tf.data.Dataset.from_tensor_slices(({"a": X}, Y)).batch(9)),
            "several inputs",
        ),
        (lambda: Source(dataset().batch(9).map(lambda x, y: x)), "a batch must be"),
        (lambda: Source(iter([(X,)])), "a batch must be .* not tuple of 1"),
        (lambda: Source((X, None)), "have no labels"),
        (lambda: Source((X, Y, W[:-1])), "one number for each of 50 images"),
        (lambda: Source((X, Y, np.ones((_N, 4)))), "one number for each of 50"),
        (lambda: Source((X, Y, W), sample_weight=W), "two sample_weight"),
        (lambda: Source((X, Y, W), class_weight={0: 2}), "not both"),
        (lambda: Source(dataset().batch(9), sample_weight=W), "is for arrays"),
        (lambda: Source(batches(1), class_weight={0: 2}), "generators"),
        (lambda: Source((X, Y), class_weight=[1, 2]), "must be a dictionary"),
        (lambda: Source((X, Y), class_weight="balanced"), "must be a dictionary"),
        (lambda: Source((X, Y), 20, steps=2), "3 batches an epoch, not 2"),
        (lambda: Source(Endless()), "without an end need steps_per_epoch"),
        (
            lambda: Source(iter([(X, Y, W), (X, Y)])),
            "some batches have a sample_weight",
        ),
        (lambda: source_lib.divided(dataset().batch(9), 0.2), "divides arrays"),
        (lambda: source_lib.divided((X, Y), 1.5), "must be between 0 and 1"),
        (lambda: source_lib.divided((X, Y), 0.99), "without images"),
    ],
)
def test_what_cannot_be_fed_as_in_fit_is_an_error_of_one_line(make, message):
    with pytest.raises(UsageError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)
