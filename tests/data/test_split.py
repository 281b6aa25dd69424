"""Tests of framework/data/split.py."""

import dataclasses

import numpy as np
import pytest

from framework.data.dataset import Dataset
from framework.data.split import LazySplit, Split, evenly_spaced


@dataclasses.dataclass(frozen=True)
class Lazy:
    """Images that are read on demand."""

    array: np.ndarray

    @property
    def shape(self):
        return self.array.shape

    @property
    def dtype(self):
        return self.array.dtype

    def element(self, index):
        return self.array[index]

    def load(self, progress):
        progress(len(self.array), len(self.array))
        return self.array

    def take(self, indices):
        return Lazy(self.array[indices])


def split(count=4, dtype=np.uint8):
    images = np.arange(count * 6, dtype=dtype).reshape(count, 2, 3, 1)
    return Split(images, np.arange(count, dtype=np.int32) % 2)


def in_memory(split):
    return split


def lazy(split):
    return LazySplit(Lazy(split.images), split.labels)


KINDS = [in_memory, lazy]


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("kind", KINDS)
def test_makes_a_dataset_of_arrays_and_of_images_on_demand(dtype, kind):
    train, validation = split(4, dtype), split(2, dtype)
    built = Dataset("pets", kind(train), validation, ("a", "b"))
    assert (built.image_shape, built.train.dtype) == ((2, 3, 1), dtype)


@pytest.mark.parametrize("kind", KINDS)
def test_take_keeps_images_and_labels_together(kind):
    whole = split(5)
    part = kind(whole).take(np.array([3, 0]))
    images = part.in_memory(lambda done, total: None).images
    np.testing.assert_array_equal(images, whole.images[[3, 0]])
    np.testing.assert_array_equal(part.labels, [1, 0])


def test_in_memory_loads_once_and_tells_how_far_it_is():
    messages = []
    array = split(5)
    on_demand = lazy(array)
    loaded = on_demand.in_memory(lambda *progress: messages.append(progress))
    assert messages == [(5, 5)]
    assert loaded.images is array.images
    assert loaded.in_memory(lambda *progress: messages.append(progress)) is loaded
    assert len(messages) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_weights_follow_their_examples(kind):
    weights = np.array([1, 2, 0, 0.5], np.float32)
    whole = dataclasses.replace(kind(split()), weights=weights)
    taken = whole.take(np.array([3, 1]))
    assert taken.weights.tolist() == [0.5, 2.0]
    assert taken.in_memory(lambda *_: None).weights.tolist() == [0.5, 2.0]
    assert kind(split()).take(np.array([0])).weights is None


@pytest.mark.parametrize(("limit", "chosen"), [(3, [0, 49, 99]), (500, range(100))])
def test_indices_are_chosen_evenly(limit, chosen):
    assert evenly_spaced(np.arange(100), limit).tolist() == list(chosen)
