"""Tests of framework/data/batches.py."""

import numpy as np
import pytest
import tensorflow as tf

from framework.data import batches as batches_lib
from framework.data.batches import MemoryBatches, StreamBatches, fits_memory, padded
from framework.data.split import LazySplit, Split


class Computed:
    """Images computed on demand: each pixel is the index."""

    dtype = np.dtype(np.float32)

    def __init__(self, count):
        self.shape = (count, 2, 3, 1)

    def element(self, index):
        return tf.fill(self.shape[1:], tf.cast(index, tf.float32))


def split(count=20):
    numbers = np.arange(count)
    images = np.tile(numbers.astype(np.uint8)[:, None, None, None], (1, 2, 3, 1))
    return Split(images, numbers * 10)


@pytest.fixture(params=[1, 2], ids="{} replicas".format)
def strategy(request):
    if request.param == 1:
        return tf.distribute.get_strategy()
    return request.getfixturevalue("mirrored")


def gathered(batches, rows, parts=1, first=0):
    """Returns the first pixels in a compiled loop, [batches, micro_batches, -1]."""
    strategy = batches.strategy
    replicas = strategy.num_replicas_in_sync
    size = rows.shape[1] // replicas

    @tf.function(autograph=False)
    def take(handle, index):
        replica_input = batches.take(handle, index)
        actual = strategy.run(
            lambda replica_input: batches.local(replica_input, size), (replica_input,)
        )
        return [strategy.experimental_local_results(value) for value in actual]

    handle = batches.open(rows, parts, first)
    result = []
    for index in range(first, len(rows)):
        images, labels = (np.stack(x) for x in take(handle, tf.constant(index)))
        pixels = images.reshape(*labels.shape, 6)
        # Every pixel of an image, and a tenth of its label, is its index.
        np.testing.assert_array_equal(pixels, np.stack([labels // 10] * 6, axis=2))
        by_replica = pixels[..., 0].reshape(replicas, parts, -1)
        result.append(by_replica.transpose(1, 0, 2).reshape(parts, -1))
    return np.array(result)


@pytest.mark.parametrize("parts", [1, 2, 4])
@pytest.mark.parametrize("kind", [MemoryBatches, StreamBatches])
def test_parts_hold_the_same_examples_in_order(kind, parts, strategy):
    rows = np.random.default_rng(0).permutation(20)[:16].reshape(2, 8).astype(np.int32)
    actual = gathered(kind(split(), strategy), rows, parts)
    np.testing.assert_array_equal(actual, rows.reshape(2, parts, -1))


@pytest.mark.parametrize("kind", [MemoryBatches, StreamBatches])
@pytest.mark.parametrize("first", [1, 2])
def test_opened_from_the_middle(kind, first, strategy):
    rows = np.arange(12).reshape(3, 4)
    actual = gathered(kind(split(), strategy), rows, first=first)
    np.testing.assert_array_equal(actual[:, 0], rows[first:])


def test_images_that_are_read_one_by_one(strategy):
    rows = np.array([[3, 1, 4, 1], [5, 9, 2, 6]], np.int32)
    labels = np.arange(20, dtype=np.int32) * 10
    actual = gathered(StreamBatches(LazySplit(Computed(20), labels), strategy), rows)
    np.testing.assert_array_equal(actual[:, 0], rows)


@pytest.mark.parametrize("kind", [MemoryBatches, StreamBatches])
def test_images_keep_their_type_and_labels_become_int32(kind, strategy):
    batches = kind(split(), strategy)
    replica_input = batches.take(
        batches.open(np.zeros((1, 4), np.int32)), tf.constant(0)
    )
    size = 4 // strategy.num_replicas_in_sync
    actual = strategy.run(
        lambda replica_input: batches.local(replica_input, size), (replica_input,)
    )
    images, labels = (strategy.experimental_local_results(value)[0] for value in actual)
    assert images.dtype == tf.uint8
    assert labels.dtype == tf.int32


@pytest.mark.parametrize(
    ("count", "batch_size", "expected"),
    [
        (4, 2, [[5, 6], [7, 8]]),
        (5, 3, [[5, 6, 7], [8, 9, 5]]),
        (1, 2, [[5, 5]]),
        # A batch larger than the split repeats it more than once.
        (2, 5, [[5, 6, 5, 6, 5]]),
        (0, 3, np.zeros((0, 3))),
    ],
)
def test_padding_begins_anew(count, batch_size, expected):
    actual = padded(np.arange(5, 5 + count, dtype=np.int32), batch_size)
    assert actual.dtype == np.int32
    np.testing.assert_array_equal(actual, expected)


def test_memory_is_for_what_fits(monkeypatch):
    # Of float32: 20 images of 24 bytes.
    monkeypatch.setattr(batches_lib, "MEMORY_LIMIT", 480)
    assert fits_memory(LazySplit(Computed(20), np.zeros(20)))
    assert not fits_memory(LazySplit(Computed(21), np.zeros(21)))
    assert fits_memory(split(80))
