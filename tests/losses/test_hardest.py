"""Tests of framework/losses/hardest.py."""

import numpy as np
import pytest
import tensorflow as tf

from framework import losses
from framework.losses import hardest

LOSSES = np.array([0.5, 3, 1, 3, 0, 2, 4, 1], np.float32)


@pytest.mark.parametrize(
    ("fraction", "kept"),
    [(0.125, [6]), (0.126, [1, 6]), (0.375, [1, 3, 6]), (0.7, [1, 2, 3, 5, 6, 7])],
)
def test_the_largest_losses_share_the_mean(fraction, kept):
    actual = hardest.factors(tf.constant(LOSSES), tf.ones(8, bool), fraction).numpy()
    assert np.flatnonzero(actual).tolist() == kept
    np.testing.assert_allclose(actual[kept], 1 / len(kept))


def test_of_equal_losses_the_first_are_kept():
    equal = hardest.factors(tf.ones(10), tf.ones(10, bool), 0.7)
    # Not eight, as the product of floats would say.
    np.testing.assert_allclose(equal, [1 / 7] * 7 + [0] * 3)


def test_padding_is_neither_kept_nor_counted():
    is_example = tf.constant([True] * 4 + [False] * 4)
    actual = hardest.factors(tf.constant(LOSSES), is_example, 0.5).numpy()
    assert actual.tolist() == [0, 0.5, 0, 0.5, 0, 0, 0, 0]


def test_a_nan_is_never_hidden():
    with_nan = LOSSES.copy()
    with_nan[4] = np.nan
    actual = hardest.factors(tf.constant(with_nan), tf.ones(8, bool), 0.125).numpy()
    assert np.flatnonzero(actual).tolist() == [4]


def test_two_replicas_keep_what_one_keeps(mirrored):
    is_example = np.array([True] * 7 + [False])

    @tf.function(autograph=False)
    def on_both():
        def replica():
            start = tf.distribute.get_replica_context().replica_id_in_sync_group * 4
            part = [tf.slice(x, [start], [4]) for x in (LOSSES, is_example)]
            return hardest.factors(*part, 0.4)

        return mirrored.experimental_local_results(mirrored.run(replica))

    expected = hardest.factors(tf.constant(LOSSES), tf.constant(is_example), 0.4)
    np.testing.assert_array_equal(np.concatenate(on_both()), expected)


@pytest.mark.parametrize(
    ("text", "fraction"),
    [("ohem", 0.25), ("ohem(.5)", 0.5), ("ohem(fraction=1)", 1), ("cross_entropy", 1)],
)
def test_the_fraction_of_a_spec(text, fraction):
    assert losses.kept_fraction(losses.build(text)(np.array([1, 1]))) == fraction
