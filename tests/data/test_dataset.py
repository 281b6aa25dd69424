"""Tests of framework/data/dataset.py."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework.data.dataset import Dataset, LazySplit, Split, stratified_split
from framework.errors import RunError


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


def split(count=4, dtype=np.uint8, shape=(2, 3, 1), labels=None):
    images = np.arange(count * np.prod(shape)).reshape(count, *shape).astype(dtype)
    if labels is None:
        labels = np.arange(count) % 2
    return Split(images, np.asarray(labels, np.int32))


def in_memory(split):
    return split


def lazy(split):
    return LazySplit(Lazy(split.images), split.labels)


KINDS = [in_memory, lazy]


def dataset(**changes):
    fields = {"train": split(), "validation": split(2), "class_names": ("a", "b")}
    return Dataset("pets", **{**fields, **changes})


def not_finite(value):
    images = split(4, np.float32).images
    images[2, 1, 1, 0] = value
    return Split(images, np.zeros(4, np.int32))


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (("a", "löwe"), ("a", "löwe")),
        (("a\x1b[31m", "b\n"), ("a\\x1b[31m", "b\\n")),
        (("\udcff", "\udcfe"), ("\\udcff", "\\udcfe")),
        # As many different names as before.
        (("a\x1b", "a\\x1b"), ("a\\x1b", "a\\\\x1b")),
        ((0, 1), ("0", "1")),
    ],
)
def test_names_are_printable_and_still_differ(names, shown):
    built = dataset(class_names=names, notes=("left out: \x07",))
    assert built.class_names == shown
    assert built.notes == ("left out: \\x07",)
    ",".join((*built.class_names, *built.notes)).encode()


@pytest.mark.parametrize("shape", [(0, 3, 1), (2, 0, 1), (2, 3, 0)])
def test_refuses_images_without_pixels(shape):
    with pytest.raises(RunError, match="have no pixels"):
        dataset(train=split(shape=shape), validation=split(shape=shape))


def test_tells_its_shape_and_classes():
    built = dataset(notes=("one file left out",))
    assert built.image_shape == (2, 3, 1)
    assert built.num_classes == 2
    assert built.notes == ("one file left out",)
    assert (len(built.train), len(built.validation)) == (4, 2)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("kind", KINDS)
def test_accepts_both_types_as_arrays_and_on_demand(dtype, kind):
    train = split(4, dtype)
    built = dataset(
        train=kind(train),
        validation=split(2, dtype),
    )
    assert built.image_shape == (2, 3, 1)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (split(dtype=np.int64), r"uint8 or float32 .* not int64 \(4, 2, 3, 1\)"),
        (split(dtype=np.float64), "not float64"),
        (split(shape=(2, 3)), r"not uint8 \(4, 2, 3\)"),
        (split(0), "there are no images"),
        (split(4, labels=[0, 1, 0]), r"4 images have labels of shape \(3,\)"),
        (split(4, labels=[[0], [1], [0], [1]]), r"labels of shape \(4, 1\)"),
        (Split(split().images, np.zeros(4)), "labels must be integers, not float64"),
        (split(4, labels=[0, 1, 2, 3]), r"label 2 of image 2 .* 0 to 1 \(2 such"),
        (split(4, labels=[0, 1, 0, -1]), r"label -1 of image 3 .* \(1 such"),
        (not_finite(np.nan), r"image 2 has NaN or infinite values \(1 such"),
        (not_finite(-np.inf), "image 2 has NaN"),
    ],
)
@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_refuses_a_bad_split(part, bad, message):
    dtype = bad.dtype if bad.dtype == np.float32 else np.uint8
    parts = {"train": split(4, dtype), "validation": split(2, dtype), part: bad}
    with pytest.raises(RunError, match=message) as caught:
        dataset(**parts).check_test()
    assert str(caught.value).startswith(f"pets, {part}: ")


@pytest.mark.parametrize("part", ["validation", "test"])
def test_refuses_splits_of_two_sizes_or_types(part):
    with pytest.raises(RunError, match=rf"\(2, 3, 1\) but {part} images \(2, 3, 3"):
        dataset(**{part: split(shape=(2, 3, 3))})
    with pytest.raises(RunError, match=f"are uint8 but {part} images float32; convert"):
        dataset(**{part: split(dtype=np.float32)})


def test_pixels_of_the_test_part_are_read_only_when_it_is_opened():
    dataset().check_test()
    floats = {"train": split(4, np.float32), "validation": split(2, np.float32)}
    built = dataset(**floats, test=not_finite(np.nan))
    with pytest.raises(RunError, match="pets, test: image 2 has NaN"):
        built.check_test()


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


@pytest.mark.parametrize("kind", KINDS)
def test_weights_follow_their_examples(kind):
    weights = np.array([1, 2, 0, 0.5], np.float32)
    whole = dataclasses.replace(kind(split()), weights=weights)
    taken = whole.take(np.array([3, 1]))
    assert taken.weights.tolist() == [0.5, 2.0]
    assert taken.in_memory(lambda *_: None).weights.tolist() == [0.5, 2.0]
    assert kind(split()).take(np.array([0])).weights is None


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.array([1, 2, np.nan, 1], np.float32), "weight nan of image 2"),
        (np.array([1, np.inf, 1, 1], np.float32), "weight inf of image 1"),
        (np.array([1, 1, 1, -0.5], np.float32), "weight -0.5 of image 3"),
        (np.ones(3, np.float32), "4 images have weights of shape"),
        (np.ones([4, 1], np.float32), "4 images have weights of shape"),
        (np.zeros(4, np.float32), "all weights are 0"),
        (np.ones(4), "must be float32, not float64"),
    ],
)
@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_refuses_weights_that_make_no_sense(weights, message, part):
    with pytest.raises(RunError, match=message):
        dataset(**{part: dataclasses.replace(split(), weights=weights)})


def test_several_labels_are_divided_at_random():
    labels = np.zeros((20, 3), np.int32)
    first, second = stratified_split(labels, 0.25, seed=1)
    assert (len(first), len(second)) == (15, 5)
    assert sorted([*first, *second]) == list(range(20))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([[1, 0], [2, 0], [0, 1], [1, 1]], r"image 1 are \[2 0\], not 0 or 1"),
        ([[0, 0]] * 4, "no image has a label"),
        ([[0, 0, 1]] * 4, r"4 images have labels of shape \(4, 3\)"),
        ([[0, 1]] * 4, r"training labels are of shape \(4, 2\) but"),
    ],
)
def test_refuses_several_labels_that_make_no_sense(labels, message):
    with pytest.raises(RunError, match=message):
        dataset(train=split(labels=labels))
