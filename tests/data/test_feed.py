"""Tests of framework/data/feed.py."""

import numpy as np
import pytest
import tensorflow as tf

from framework.data import sampling
from framework.data.batches import MemoryBatches, StreamBatches
from framework.data.feed import OrderedFeed
from framework.data.split import Split

KINDS = [MemoryBatches, StreamBatches]
# A stream on two replicas takes seconds to begin, at each step that is asked for.
MARKED_KINDS = [
    MemoryBatches,
    pytest.param(StreamBatches, marks=pytest.mark.extended),
]


def split():
    images = np.arange(40, dtype=np.uint8).reshape(40, 1, 1, 1)
    return Split(images, np.arange(40, dtype=np.int32))


@pytest.fixture(params=[1, 2], ids="{} replicas".format)
def strategy(request):
    if request.param == 1:
        return tf.distribute.get_strategy()
    return request.getfixturevalue("mirrored")


def feed(kind, strategy, size=10, batch_size=4, seed=0, parts=1):
    # Not the first examples, so that a wrong index shows.
    rows = np.arange(20, 20 + size)
    return OrderedFeed(kind(split(), strategy), rows, batch_size, seed, parts)


def labels(feed, steps):
    """Returns the examples of steps in order, [steps, 4]."""
    batches = feed.batches
    strategy = batches.strategy
    replicas = strategy.num_replicas_in_sync

    @tf.function(autograph=False)
    def take(handle, index):
        replica_input = batches.take(handle, index)
        actual = strategy.run(
            lambda x: batches.local(x, 4 // replicas)[1], (replica_input,)
        )
        return strategy.experimental_local_results(actual)

    result = []
    for step in steps:
        actual = take(feed.at(step), tf.constant(step % feed.per_epoch))
        by_replica = np.stack(actual).reshape(replicas, feed.micro_batches, -1)
        result.append(by_replica.transpose(1, 0, 2).ravel())
    return np.array(result)


def test_an_epoch_has_each_example_once_and_then_its_first(strategy):
    actual = labels(feed(MemoryBatches, strategy), range(3))
    epoch = actual.ravel()[:10]
    np.testing.assert_array_equal(np.sort(epoch), np.arange(20, 30))
    assert list(epoch) != sorted(epoch)
    np.testing.assert_array_equal(actual.ravel()[10:], epoch[:2])


@pytest.mark.parametrize("kind", MARKED_KINDS)
@pytest.mark.parametrize("parts", [1, 2])
def test_the_order_is_the_same_from_anywhere_on_anything(kind, parts, strategy):
    one = tf.distribute.get_strategy()
    expected = labels(feed(MemoryBatches, one), range(7))
    for start in (0, 2, 3, 5):
        actual = labels(feed(kind, strategy, parts=parts), range(start, 7))
        np.testing.assert_array_equal(actual, expected[start:])


def test_each_epoch_and_each_seed_has_its_own_order():
    one = tf.distribute.get_strategy()
    first = labels(feed(MemoryBatches, one), range(6)).reshape(2, 12)[:, :10]
    assert not np.array_equal(*first)
    other = labels(feed(MemoryBatches, one, seed=1), range(3)).ravel()[:10]
    assert not np.array_equal(first[0], other)


@pytest.mark.parametrize(("size", "expected"), [(4, 1), (5, 2), (8, 2), (9, 3)])
def test_an_epoch_counts_a_ragged_batch(size, expected):
    assert feed(MemoryBatches, tf.distribute.get_strategy(), size).per_epoch == expected


@pytest.mark.parametrize("kind", KINDS)
def test_the_examples_of_a_step_can_be_asked_for_and_gone_back_to(kind, strategy):
    some = feed(kind, strategy)
    actual = labels(some, range(5))
    for step, batch in enumerate(actual):
        assert sorted(some.indices(step)) == sorted(batch)
    some.reset()
    np.testing.assert_array_equal(labels(some, range(1, 5)), actual[1:])


@pytest.mark.parametrize("kind", MARKED_KINDS)
@pytest.mark.parametrize("parts", [1, 2])
def test_classes_are_drawn_equally_often_from_anywhere_on_anything(
    kind, parts, strategy
):
    images = np.arange(12, dtype=np.uint8).reshape(12, 1, 1, 1)
    classes = Split(images, np.repeat(np.int32([0, 1]), [10, 2]))

    def balanced(kind, strategy, parts=1):
        # Without the first image, so that a wrong index shows.
        return OrderedFeed(
            kind(classes, strategy),
            np.arange(1, 12),
            4,
            0,
            parts,
            draw=sampling.balanced,
        )

    one = tf.distribute.get_strategy()
    expected = labels(balanced(MemoryBatches, one), range(6))
    assert balanced(kind, one).per_epoch == 3
    for epoch in (expected[:3], expected[3:]):
        assert sorted(np.bincount(epoch.ravel()[:11])) == [5, 6]
    for start in (0, 2, 4):
        actual = labels(balanced(kind, strategy, parts), range(start, 6))
        np.testing.assert_array_equal(actual, expected[start:])
    drawn = balanced(kind, one).examples(1)
    np.testing.assert_array_equal(classes.labels[drawn], expected[3:].ravel()[:11])
