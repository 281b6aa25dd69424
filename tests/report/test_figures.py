"""Tests of framework/report/figures.py."""

import io

import numpy as np
import pytest

from framework.report import figures


def pixels(png):
    """Returns an image as float [height, width, channels], from 0 to 1."""
    image = pytest.importorskip("matplotlib.image")
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    actual = image.imread(io.BytesIO(png), format="png")
    # Readers that do not decode it take the size from here.
    width, height = np.frombuffer(png[16:24], ">u4")
    assert actual.shape[:2] == (height, width)
    return actual


@pytest.mark.parametrize("count", [2, 5, 20, 21, 200, 1500])
def test_confusion_fits_any_number_of_classes(count):
    matrix = np.random.default_rng(0).integers(0, 99, (count, count))
    png = figures.confusion(matrix, [f"class {index}" for index in range(count)])
    height, width, _ = pixels(png).shape
    # Square, large enough to read, and no larger than a screen.
    assert height == width
    assert 200 <= height <= 1400


def test_confusion_of_a_class_that_does_not_occur():
    matrix = np.array([[3, 1], [0, 0]])
    png = figures.confusion(matrix, ["cat", "dog"])
    # Row by row: the darkest blue stands for most of a class.
    assert not np.array_equal(
        pixels(png), pixels(figures.confusion(matrix.T, ["a", "b"]))
    )


def test_confusion_shortens_names_that_are_too_long():
    names = ["a class with a name that goes on and on", "b"]
    shortened = ["a class with ...", "b"]
    assert len(shortened[0]) == 16
    actual, expected = (
        figures.confusion(np.eye(2), each) for each in (names, shortened)
    )
    assert actual == expected


@pytest.mark.parametrize(
    ("dtype", "channels", "high"),
    [(np.uint8, 3, 256), (np.uint8, 1, 256), (np.float32, 3, 1), (np.float32, 1, 1)],
)
def test_samples_of_any_images(dtype, channels, high):
    generator = np.random.default_rng(0)
    rows = [generator.uniform(0, high, (4, 8, 6, channels)).astype(dtype)] * 3
    height, width, _ = pixels(figures.samples(rows)).shape
    # Enlarged by an integer factor.
    assert (height % (3 * 8), width % (4 * 6)) == (0, 0)
    assert width / height == (4 * 6) / (3 * 8)


def test_samples_that_are_all_the_same():
    assert pixels(figures.samples([np.full((2, 4, 4, 1), 7.0)])).max() <= 1
