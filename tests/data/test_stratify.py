"""Tests of framework/data/stratify.py."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from framework.data import stratify
from framework.data.dataset import Dataset
from framework.data.examples import divide
from framework.data.hold_out import hold_out_test
from framework.data.split import Split
from framework.data.stratify import stratified_split
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


LABELS = st.lists(st.integers(0, 6), min_size=1, max_size=80).map(np.array)
SHARES = st.floats(0.0, 1.0)
SEEDS = st.integers(0, 2**32)


@settings(max_examples=150, deadline=None)
@given(LABELS, SHARES, SEEDS)
def test_stratified_split_divides_each_class_alike(labels, share, seed):
    first, second = stratified_split(labels, share, seed)
    np.testing.assert_array_equal(
        np.sort(np.concatenate([first, second])), np.arange(len(labels))
    )
    for group in (first, second):
        assert group.dtype == np.int64
        assert (np.diff(group) > 0).all()
    for label in np.unique(labels):
        total = (labels == label).sum()
        count = (labels[second] == label).sum()
        assert count < total
        assert abs(count - share * total) <= 0.5 or count == total - 1


@settings(max_examples=50, deadline=None)
@given(LABELS, SHARES, SEEDS)
def test_stratified_split_depends_on_the_seed_alone(labels, share, seed):
    once, again = (stratified_split(labels, share, seed) for _ in range(2))
    np.testing.assert_array_equal(once[0], again[0])
    np.testing.assert_array_equal(once[1], again[1])


def test_stratified_split_differs_between_seeds():
    labels = np.repeat([0, 1], 50)
    groups = {tuple(stratified_split(labels, 0.2, seed)[1]) for seed in range(5)}
    assert len(groups) == 5


def test_stratified_split_takes_members_from_everywhere():
    """Sorted files must not be divided into early and late ones."""
    chosen = np.concatenate(
        [stratified_split(np.zeros(100), 0.2, seed)[1] for seed in range(200)]
    )
    counts = np.bincount(chosen, minlength=100)
    # Binomial: 40 on average, with a deviation of 5.7.
    assert counts.min() > 10
    assert counts.max() < 70


def test_images_without_a_label_are_divided_at_random():
    labels = np.zeros((20, 3), np.int32)
    first, second = stratified_split(labels, 0.25, seed=1)
    assert (len(first), len(second)) == (15, 5)
    assert sorted([*first, *second]) == list(range(20))


def tags(count=400, seed=0):
    """Returns labels [N, 4] with frequencies from 50 % to 2.5 %, and groups."""
    generator = np.random.default_rng(seed)
    labels = generator.random((count, 4)) < [0.5, 0.2, 0.08, 0.025]
    return labels.astype(np.int32), np.arange(count) // 2


def test_each_of_several_labels_is_divided_in_proportion():
    labels, _ = tags()
    _, second = stratified_split(labels, 0.2, seed=3)
    assert len(second) == 80
    np.testing.assert_allclose(
        labels[second].sum(axis=0), 0.2 * labels.sum(axis=0), atol=1
    )
    again = stratified_split(labels, 0.2, seed=3)
    np.testing.assert_array_equal(again[1], second)
    assert stratified_split(labels, 0.2, seed=4)[1].tolist() != second.tolist()


def test_each_label_stays_in_the_first_part():
    labels = np.eye(3, dtype=np.int32)[[0, 1, 2, 2]]
    first, _ = stratified_split(labels, 0.9, seed=0)
    assert labels[first].any(axis=0).all()


def test_folds_of_several_labels():
    labels, groups = tags()
    for grouped in (None, groups):
        places = stratify.folds(labels, grouped, 4, seed=1)
        counts = np.array([labels[places == fold].sum(axis=0) for fold in range(4)])
        np.testing.assert_allclose(
            counts, np.tile(labels.sum(axis=0) / 4, (4, 1)), atol=2.1
        )
        assert np.bincount(places).tolist() == [100] * 4
    assert all(len(set(places[groups == each])) == 1 for each in range(200))


def test_groups_of_several_labels_are_divided_in_proportion():
    labels, groups = tags()
    _, second = stratified_split(labels, 0.25, 0, groups)
    assert not set(groups[second]) & set(np.delete(groups, second))
    np.testing.assert_allclose(
        labels[second].sum(axis=0), 0.25 * labels.sum(axis=0), atol=2.1
    )


def test_a_test_part_of_several_labels_has_the_number_asked_for():
    labels, _ = tags()
    whole = Split(np.zeros((400, 1, 1, 1), np.uint8), labels)
    dataset = Dataset("tags", whole, whole, tuple("abcd"))
    drawn = hold_out_test(dataset, "60").test.labels
    assert len(drawn) == 60
    np.testing.assert_allclose(drawn.sum(axis=0), 0.15 * labels.sum(axis=0), atol=1)
