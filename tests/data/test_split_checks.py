"""Tests of framework/data/split_checks.py."""

import dataclasses

import numpy as np
import pytest

from framework.data import split_checks
from framework.data.split import Split
from framework.errors import RunError


def split(count=4, dtype=np.uint8, shape=(2, 3, 1), labels=None):
    images = np.arange(count * np.prod(shape)).reshape(count, *shape).astype(dtype)
    if labels is None:
        labels = np.arange(count) % 2
    return Split(images, np.asarray(labels, np.int32))


def not_finite(value):
    images = split(4, np.float32).images
    images[2, 1, 1, 0] = value
    return Split(images, np.zeros(4, np.int32))


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_accepts_both_types(dtype):
    split_checks.check(split(dtype=dtype), "pets", 2)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (split(dtype=np.int64), r"uint8 or float32 .* not int64 \(4, 2, 3, 1\)"),
        (split(dtype=np.float64), "not float64"),
        (split(shape=(2, 3)), r"not uint8 \(4, 2, 3\)"),
        (split(0), "there are no images"),
        (split(shape=(0, 3, 1)), r"images of \(0, 3, 1\) .* have no pixels"),
        (split(shape=(2, 0, 1)), r"images of \(2, 0, 1\) .* have no pixels"),
        (split(shape=(2, 3, 0)), r"images of \(2, 3, 0\) .* have no pixels"),
        (split(labels=[0, 1, 0]), r"4 images have labels of shape \(3,\)"),
        (split(labels=[[0], [1], [0], [1]]), r"labels of shape \(4, 1\)"),
        (Split(split().images, np.zeros(4)), "labels must be integers, not float64"),
        (split(labels=[0, 1, 2, 3]), r"label 2 of image 2 .* 0 to 1 \(2 such"),
        (split(labels=[0, 1, 0, -1]), r"label -1 of image 3 .* \(1 such"),
        (split(labels=[[1, 0], [2, 0], [0, 1], [1, 1]]), r"image 1 are \[2 0\], not 0"),
        (split(labels=[[0, 0]] * 4), "no image has a label"),
        (split(labels=[[0, 0, 1]] * 4), r"4 images have labels of shape \(4, 3\)"),
    ],
)
def test_refuses_a_bad_split(bad, message):
    with pytest.raises(RunError, match=f"^pets, train: .*{message}"):
        split_checks.check(bad, "pets, train", 2)


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
def test_refuses_weights_that_make_no_sense(weights, message):
    weighted = dataclasses.replace(split(), weights=weights)
    with pytest.raises(RunError, match=f"^pets: .*{message}"):
        split_checks.check(weighted, "pets", 2)


@pytest.mark.parametrize("labels", [[0, 1, 0, 1], [[0, 1], [1, 1], [0, 0], [1, 0]]])
def test_refuses_groups_of_another_number(labels):
    several = split(labels=labels)
    whole = dataclasses.replace(several, groups=np.zeros(4, np.int32))
    split_checks.check(whole, "pets", 2)
    grouped = dataclasses.replace(several, groups=np.zeros(3, np.int32))
    with pytest.raises(RunError, match=r"^pets: 4 images have groups of shape \(3,\)"):
        split_checks.check(grouped, "pets", 2)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_refuses_pixels_that_are_not_finite(value):
    with pytest.raises(RunError, match=r"^pets: image 2 has NaN .* \(1 such"):
        split_checks.check_pixels(not_finite(value), "pets")
    split_checks.check_pixels(split(dtype=np.float32), "pets")


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (split(labels=[[0, 1]] * 4), r"of shape \(4,\) but test labels \(4, 2\)"),
        (split(dtype=np.float32), "are uint8 but test images float32; convert both"),
        (split(shape=(2, 3, 3)), r"\(2, 3, 1\) but test images \(2, 3, 3\)"),
    ],
)
def test_refuses_images_that_are_not_like_the_training_images(other, message):
    with pytest.raises(RunError, match=f"^pets: training .*{message}"):
        split_checks.check_alike(split(), other, "test", "pets")
