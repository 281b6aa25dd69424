"""Tests of framework/data/order.py."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.data import sampling as sampling_lib
from framework.data.order import permutation, sample

SEEDS = st.integers(0, 2**32 - 1)
EPOCHS = st.integers(0, 10**6)


@given(SEEDS, EPOCHS, st.integers(0, 1000))
def test_each_example_comes_once(seed, epoch, size):
    order = permutation(seed, epoch, size)
    assert order.dtype == np.int32
    np.testing.assert_array_equal(np.sort(order), np.arange(size))
    np.testing.assert_array_equal(permutation(seed, epoch, size), order)


@given(SEEDS, EPOCHS, SEEDS, EPOCHS)
def test_another_seed_or_epoch_has_another_order(seed, epoch, other_seed, other_epoch):
    same = (seed, epoch) == (other_seed, other_epoch)
    first, second = (
        permutation(seed, epoch, 64),
        permutation(other_seed, other_epoch, 64),
    )
    assert np.array_equal(first, second) == same


# Changing these changes the data order of all earlier runs.
@pytest.mark.parametrize(
    ("seed", "epoch", "expected"),
    [
        (0, 0, [0, 2, 9, 1, 8, 5, 4, 3, 6, 7]),
        (0, 1, [8, 7, 4, 2, 6, 5, 9, 0, 1, 3]),
        (1, 0, [3, 5, 2, 9, 7, 0, 8, 6, 1, 4]),
        (2**32 - 1, 12345, [7, 0, 5, 8, 9, 2, 4, 3, 1, 6]),
    ],
)
def test_the_order_never_changes(seed, epoch, expected):
    assert permutation(seed, epoch, 10).tolist() == expected


def test_the_order_of_many_never_changes():
    order = permutation(7, 3, 60_000)
    assert order[:6].tolist() == [58025, 18324, 38127, 56876, 46753, 16683]
    assert order[-6:].tolist() == [27789, 27977, 36776, 4814, 38970, 27953]


def test_places_are_even():
    """Over many epochs, an example is at each position about equally often."""
    places = np.stack([np.argsort(permutation(0, epoch, 8)) for epoch in range(4000)])
    counts = np.stack([np.bincount(column, minlength=8) for column in places.T])
    # 500 expected; a deviation of more than five of 21 has odds of less than 1e-5.
    assert np.abs(counts - 500).max() < 105


LABELS = st.lists(st.integers(0, 5), min_size=1, max_size=200)
SAMPLINGS = st.sampled_from(list(sampling_lib.SAMPLINGS.values()))


@given(SEEDS, EPOCHS, LABELS)
def test_a_uniform_sample_is_the_permutation(seed, epoch, labels):
    actual = sample(seed, epoch, np.array(labels))
    np.testing.assert_array_equal(actual, permutation(seed, epoch, len(labels)))


@given(SEEDS, EPOCHS, LABELS, SAMPLINGS)
def test_classes_are_drawn_as_often_as_asked_for(seed, epoch, labels, sampling):
    labels = np.array(labels)
    drawn = sample(seed, epoch, labels, sampling)
    assert (drawn.dtype, drawn.shape) == (np.int32, labels.shape)
    np.testing.assert_array_equal(drawn, sample(seed, epoch, labels, sampling))
    counts = np.bincount(labels)
    weights = np.zeros(len(counts))
    weights[counts > 0] = sampling(counts[counts > 0])
    expected = len(labels) * weights / weights.sum()
    actual = np.bincount(labels[drawn], minlength=len(counts))
    assert np.all(np.abs(actual - expected) < 1)


@given(SEEDS, EPOCHS, LABELS, SAMPLINGS)
def test_members_of_a_class_come_equally_often(seed, epoch, labels, sampling):
    labels = np.array(labels)
    times = np.bincount(sample(seed, epoch, labels, sampling), minlength=len(labels))
    for label in np.unique(labels):
        assert np.ptp(times[labels == label]) <= 1


def test_every_image_of_a_large_class_comes_in_some_epoch():
    labels = np.repeat([0, 1], [95, 5])
    times = np.zeros(100, int)
    for epoch in range(40):
        times += np.bincount(
            sample(0, epoch, labels, sampling_lib.balanced), minlength=100
        )
    # Each of 95 is drawn with odds of 50 / 95 in an epoch: 21 times, deviation 3.
    assert 5 < times[:95].min() <= times[:95].max() < 37
    # Ten times each, in every epoch.
    assert times[95:].tolist() == [400] * 5


def test_classes_that_are_rounded_up_change():
    labels = np.repeat([0, 1, 2], [6, 3, 2])
    counts = np.stack(
        [
            np.bincount(labels[sample(0, epoch, labels, sampling_lib.balanced)])
            for epoch in range(60)
        ]
    )
    assert set(counts.ravel()) == {3, 4}
    # 40 of 60 expected; a deviation of more than five of 3.7 has odds below 1e-5.
    assert np.abs((counts == 4).sum(axis=0) - 40).max() < 19


# Changing these changes the data of earlier runs with this flag.
@pytest.mark.parametrize(
    ("sampling", "expected"),
    [
        ("balanced", [7, 4, 3, 9, 7, 5, 9, 8, 9, 8]),
        ("sqrt", [7, 4, 3, 9, 2, 5, 9, 6, 8, 8]),
        ("effective(.5)", [8, 4, 3, 9, 2, 5, 9, 6, 7, 0]),
    ],
)
def test_a_sample_never_changes(sampling, expected):
    labels = np.array([0, 0, 0, 0, 0, 0, 0, 1, 1, 2])
    drawn = sample(3, 2, labels, sampling_lib.build(sampling))
    assert drawn.tolist() == expected
