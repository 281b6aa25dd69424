"""Tests of framework/data/stratify.py."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from framework.data import stratify
from framework.data.dataset import Dataset, Split, stratified_split
from framework.data.examples import divide
from framework.data.splits import hold_out_test
from framework.errors import UsageError

EXAMPLES = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 30)), min_size=1, max_size=120
)
FRACTION = st.floats(0, 0.95)
SEED = st.integers(0, 2**32 - 1)


@given(EXAMPLES, FRACTION, SEED)
def test_divides_no_group_and_leaves_each_class_in_the_first(examples, fraction, seed):
    labels, groups = np.array(examples).T
    first, second = stratify.grouped_split(labels, groups, fraction, seed)
    assert sorted([*first, *second]) == list(range(len(labels)))
    assert not set(groups[first]) & set(groups[second])
    assert set(labels[first]) == set(labels)
    again = stratify.grouped_split(labels, groups, fraction, seed)
    np.testing.assert_array_equal(again[1], second)
    # The numbers of the groups do not matter, but in the order of those of one size.
    if fraction == 0:
        assert not len(second)


@given(st.integers(1, 9), FRACTION, SEED)
def test_the_fraction_is_met_where_groups_are_small(size, fraction, seed):
    labels = np.repeat(np.arange(400) % 4, size)
    groups = np.repeat(np.arange(400), size)
    _, second = stratify.grouped_split(labels, groups, fraction, seed)
    counts = np.bincount(labels[second], minlength=4)
    assert np.abs(counts - fraction * 100 * size).max() <= size


def test_seeds_draw_different_groups():
    labels, groups = np.arange(60) % 2, np.arange(60) // 3
    one, two = (stratify.grouped_split(labels, groups, 0.3, seed)[1] for seed in (0, 1))
    assert one.tolist() != two.tolist()
    assert stratified_split(labels, 0.3, 0, groups)[1].tolist() == one.tolist()


@given(EXAMPLES, st.sampled_from(["10%", "40%", "12"]), FRACTION, SEED)
def test_no_division_of_a_run_divides_a_group(examples, portion, fraction, seed):
    labels, groups = np.array(examples, np.int32).T
    whole = Split(np.zeros((len(labels), 1, 1, 1), np.uint8), labels, None, groups)
    held_out = Split(whole.images[:1], np.zeros(1, np.int32))
    dataset = Dataset("groups", whole, held_out, tuple("abcd"))
    try:
        dataset = hold_out_test(dataset, portion)
    except UsageError:
        return
    division = divide(dataset, fraction, seed)
    kept = dataset.train.groups
    parts = [kept[division.train], kept[division.train_dev], dataset.test.groups]
    assert sum(map(len, parts)) == len(groups)
    assert sum(len(set(part.tolist())) for part in parts) == len(set(groups.tolist()))
