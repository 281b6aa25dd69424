"""Tests of framework/data/stream_feed.py and framework/data/stream.py."""

import numpy as np
import pytest
import tensorflow as tf

from framework.data.batches import StreamBatches
from framework.data.split import Split
from framework.data.stream import Stream
from framework.data.stream_feed import StreamFeed


def feed(examples, images, batch_size=4):
    shape = (1, 1, 1, 1)
    like = Split(np.zeros(shape, np.uint8), np.zeros(1, np.int32))
    batches = StreamBatches(like, tf.distribute.get_strategy())
    return StreamFeed(Stream(examples, images), batches, batch_size)


def numbered(count):
    images = np.zeros((count, 1, 1, 1), np.uint8)
    labels = np.arange(count, dtype=np.int32)
    return tf.data.Dataset.from_tensor_slices((images, labels))


def labels(feed, step):
    batch = feed.batches.take(feed.at(step), tf.constant(0))
    return feed.batches.local(batch, 4)[1].numpy().tolist()


@pytest.mark.parametrize(("images", "per_epoch"), [(10, 3), (8, 2), (1, 1)])
def test_an_epoch_is_of_full_batches(images, per_epoch):
    actual = feed(numbered(10), images)
    assert (actual.per_epoch, actual.size) == (per_epoch, 4 * per_epoch)


def test_one_pass_follows_the_other_across_epochs():
    actual = feed(numbered(10), 10)
    assert [labels(actual, step) for step in range(3)] == [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
        [8, 9, 0, 1],
    ]
    assert labels(actual, 3) == [2, 3, 4, 5]


def test_a_new_process_begins_a_new_pass():
    actual = feed(numbered(10), 10)
    assert labels(actual, 2) == [0, 1, 2, 3]
    actual.reset()
    assert labels(actual, 1) == [0, 1, 2, 3]


def test_an_endless_stream_goes_on_over_epochs():
    assert [
        labels(actual, step)[0]
        for actual in [feed(numbered(100), 4)]
        for step in range(3)
    ] == [0, 4, 8]


def test_knows_no_labels_of_an_epoch():
    assert feed(numbered(10), 10).drawn_labels() is None
