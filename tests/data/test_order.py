"""Tests of framework/data/order.py."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.data.order import permutation

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
