"""Tests of framework/data/dataset.py."""

import numpy as np
import pytest

from framework.data.dataset import Dataset
from framework.data.split import Split
from framework.errors import RunError


def split(count=4, dtype=np.uint8, shape=(2, 3, 1), labels=None):
    images = np.arange(count * np.prod(shape)).reshape(count, *shape).astype(dtype)
    if labels is None:
        labels = np.arange(count) % 2
    return Split(images, np.asarray(labels, np.int32))


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


def test_tells_its_shape_and_classes():
    built = dataset(notes=("one file left out",))
    assert built.image_shape == (2, 3, 1)
    assert built.num_classes == 2
    assert built.notes == ("one file left out",)
    assert (len(built.train), len(built.validation)) == (4, 2)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (split(dtype=np.int64), "uint8 or float32"),
        (split(4, labels=[0, 1, 2, 3]), "label 2 of image 2 .* 0 to 1"),
        (not_finite(np.nan), "image 2 has NaN"),
        (Split(split().images, split().labels, np.ones(3, np.float32)), "4 images"),
    ],
)
@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_refuses_a_bad_split(part, bad, message):
    dtype = bad.dtype if bad.dtype == np.float32 else np.uint8
    parts = {"train": split(4, dtype), "validation": split(2, dtype), part: bad}
    with pytest.raises(RunError, match=message) as caught:
        dataset(**parts).check_test()
    assert str(caught.value).startswith(f"pets, {part}: ")


@pytest.mark.parametrize("names", [("a",), ("a", "a")])
def test_refuses_fewer_than_two_classes(names):
    zeros = split(2, labels=[0, 0])
    with pytest.raises(RunError, match="two or more classes of different names"):
        dataset(train=zeros, validation=zeros, class_names=names)


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
