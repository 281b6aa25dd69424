"""Tests of framework/data/folds.py."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.data import folds, stratify
from framework.data.dataset import Dataset
from framework.data.hold_out import hold_out_test
from framework.data.split import Split
from framework.errors import UsageError


def numbered(labels, first=0, groups=None):
    """Returns a split whose images tell which they are."""
    images = np.arange(first, first + len(labels), dtype=np.float32)
    return Split(images.reshape(-1, 1, 1, 1), np.int32(labels), None, groups)


def numbers(split):
    return split.images.ravel().astype(int).tolist()


def dataset(count=40, groups=None):
    train = numbered(np.arange(count) % 3, groups=groups)
    return Dataset("numbers", train, numbered([0, 1, 2, 0], 1000), tuple("abc"))


def fold(index, count=4, seed=0, portion="", whole=None):
    text = f"{index}/{count}"
    pool = folds.pooled(whole or dataset(), text)
    return folds.divided(hold_out_test(pool, portion), text, seed)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 40)), min_size=1, max_size=60),
    st.integers(2, 6),
    st.integers(0, 2**32 - 1),
    st.booleans(),
)
def test_each_example_is_in_one_fold(examples, count, seed, has_groups):
    labels, groups = np.array(examples).T
    places = stratify.folds(labels, groups if has_groups else None, count, seed)
    assert set(places) <= set(range(count))
    if has_groups:
        pairs = set(zip(groups.tolist(), places.tolist(), strict=True))
        assert len(pairs) == len(set(groups.tolist()))
    else:
        sizes = np.bincount(places, minlength=count)
        assert np.ptp(sizes) <= 1
        for label in set(labels):
            of_class = np.bincount(places[labels == label], minlength=count)
            assert np.ptp(of_class) <= 1


def test_folds_validate_on_each_image_once():
    parts = [fold(index) for index in range(1, 5)]
    validated = [number for part in parts for number in numbers(part.validation)]
    assert sorted(validated) == [*range(40), *range(1000, 1004)]
    for part in parts:
        assert not set(numbers(part.train)) & set(numbers(part.validation))
        assert len(part.train) + len(part.validation) == 44
        assert part.notes[0].startswith(f"fold {part.fold}: 11 of 44 images are valid")


def test_the_test_part_is_that_of_all_folds():
    parts = [fold(index, portion="20%") for index in (1, 2)]
    assert numbers(parts[0].test) == numbers(parts[1].test)
    for part in parts:
        assert not set(numbers(part.test)) & set(numbers(part.train))
        assert not set(numbers(part.test)) & set(numbers(part.validation))


def test_groups_stay_together():
    groups = np.arange(40, dtype=np.int32) // 4
    whole = dataset(groups=groups)
    validation = dataclasses.replace(whole.validation, groups=np.full(4, 99, np.int32))
    whole = dataclasses.replace(whole, validation=validation)
    part = fold(1, whole=whole)
    assert not set(part.train.groups) & set(part.validation.groups)


def test_a_divided_data_set_is_not_divided_again():
    once = fold(2)
    assert folds.pooled(once, "2/4") is once
    assert folds.divided(once, "2/4", 0) is once
    assert folds.divided(once, "", 0) is once
    assert numbers(fold(2, seed=1).validation) != numbers(once.validation)


def test_refuses_folds_that_leave_nothing():
    with pytest.raises(UsageError, match="leaves no validation image; use fewer folds"):
        fold(50, 50)
    rare = dataclasses.replace(
        dataset(), train=numbered([0, 1, 0, 1, 2]), validation=numbered([0], 1000)
    )
    # The only image of its class is in one of both folds.
    place = stratify.folds(np.array([0, 1, 0, 1, 2, 0]), None, 2, seed=0)[4] + 1
    with pytest.raises(UsageError, match="leaves no training image of 'c'"):
        fold(place, 2, whole=rare)
