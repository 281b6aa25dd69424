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
    # Nearly square, large enough to read, and no larger than a screen.
    assert 0 < height - width <= 80
    assert 190 <= width < height <= 1400


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
    # Enlarged by an integer factor; the first column stands apart, a pixel is between.
    assert (height % (3 * 9), width % (5 * 7)) == (0, 0)
    assert width / height == (5 * 7) / (3 * 9)


def test_samples_that_are_all_the_same():
    picture = pixels(figures.samples([np.full((2, 4, 4, 1), 7.0)]))
    # Black images on white.
    assert set(np.unique(picture[..., :3])) == {0, 1}


@pytest.mark.parametrize(("count", "rows"), [(1, 1), (4, 1), (5, 2), (16, 4)])
def test_captioned_images_are_four_in_a_row(count, rows):
    images = np.zeros((count, 8, 8, 1), np.uint8)
    one = pixels(figures.captioned(images[:1], ["a\nb"])).shape
    actual = pixels(figures.captioned(images, ["a\nb"] * count)).shape
    assert actual[:2] == (rows * one[0], min(count, 4) * one[1])


NAMES = [
    "dog",
    "a class with a name that goes on and on",
    "W" * 40,
    "i" * 400,
    "\u0416\u0416" * 20,
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_captions_fit_below_their_images(name, place):
    lines = ["0001.jpg", "cat", "predicted (100%):", "dog"]
    lines[place] = name
    images = np.zeros((4, 2, 2, 1))
    picture = pixels(figures.captioned(images, ["\n".join(lines)] * 4))[..., 0]
    cell = picture.shape[1] // 4
    captions = picture[4 + 130 :].reshape(-1, 4, cell) < 0.9
    # The images are 130 pixels wide, with 4 pixels on each side.
    assert not captions[..., :3].any()
    assert not captions[..., -4:].any()
    assert captions[..., 4:-4].any(axis=(0, 2)).all()


@pytest.mark.parametrize(
    ("lines", "shortened"),
    [
        (["a long folder of images/0001.jpg"], ["...f images/0001.jpg"]),
        (["a.jpg", "n02099601_golden_retriever"], ["a.jpg", "n0209960...etriever"]),
    ],
)
def test_captions_are_shortened_where_they_say_least(lines, shortened):
    images = np.zeros((1, 8, 8, 3), np.uint8)
    one, other = (
        figures.captioned(images, ["\n".join(each)]) for each in (lines, shortened)
    )
    assert one == other


def test_a_reliability_diagram_has_a_bar_as_high_as_accuracy():
    confidence = np.full(8, 0.75)
    shares = []
    for right in (8, 4, 0):
        picture = pixels(figures.reliability(np.arange(8) < right, confidence))
        shares.append(np.mean(picture[..., :3].sum(axis=2) < 0.9))
    bar = shares[0] - shares[2]
    assert bar > 0.05
    assert shares[1] - shares[2] == pytest.approx(bar / 2, rel=0.1)
    figures.reliability(np.array([True]), np.array([np.nan]))
