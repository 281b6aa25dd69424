"""Tests of framework/data/iterative.py."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from framework.data.iterative import iterative_parts

LABELS = arrays(
    np.int32,
    st.tuples(st.integers(1, 40), st.integers(1, 4)),
    elements=st.integers(0, 1),
)


@settings(max_examples=60, deadline=None)
@given(LABELS, st.integers(1, 4), st.integers(0, 99))
def test_every_part_has_its_size(labels, count, seed):
    sizes = [len(range(part, len(labels), count)) for part in range(count)]
    parts = iterative_parts(labels, sizes, seed)
    assert np.bincount(parts, minlength=count).tolist() == sizes
    np.testing.assert_array_equal(parts, iterative_parts(labels, sizes, seed))


def test_a_rare_label_is_divided_before_a_frequent_one():
    # Two images of the rare label, which all have the frequent one.
    labels = np.array([[1, 0]] * 8 + [[1, 1]] * 2)
    for seed in range(20):
        parts = iterative_parts(labels, (5, 5), seed)
        assert sorted(parts[8:]) == [0, 1]


def test_it_is_nearer_than_chance():
    generator = np.random.default_rng(0)
    labels = (generator.random((300, 6)) < 0.05).astype(np.int32)
    expected = labels.sum(axis=0) / 10
    worst = []
    for seed in range(10):
        parts = iterative_parts(labels, (270, 30), seed)
        worst.append(np.abs(labels[parts == 1].sum(axis=0) - expected).max())
    assert max(worst) < 1
