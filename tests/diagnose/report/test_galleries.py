"""Tests of framework/diagnose/report/galleries.py."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from framework.diagnose.report import data_problems, galleries
from framework.diagnose.report.data_problems import DataProblem, Place

_FIRST = Place("train", "/data/train/roses/1.png", "rose")
_SECOND = Place("validation", "tulips/2.png", "tulip")
_PICTURES = {
    _FIRST: np.zeros((8, 8), np.uint8),
    _SECOND: np.full((60, 60, 3), 200, np.uint8),
}


def opened(uri):
    kind, _, content = uri.partition(",")
    assert kind == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(content))))


def test_pairs_are_side_by_side_with_their_labels():
    pair = DataProblem(data_problems.NEAR, _FIRST, _SECOND, 0.99, "mirrored")
    (gallery,) = galleries.of_problems([pair], _PICTURES)
    (item,) = gallery.items
    assert item.note == "mirrored; across the splits; different labels"
    assert item.is_alarming
    first, second = item.pictures
    assert (first.name, first.label) == ("train roses/1.png", "rose")
    assert (second.name, second.label) == ("validation tulips/2.png", "tulip")
    assert first.is_tiny
    assert not second.is_tiny
    np.testing.assert_array_equal(opened(second.uri), _PICTURES[_SECOND])


def test_a_doubtful_label_is_given_with_the_likely_one():
    note = "similar images are tulip"
    label = DataProblem(data_problems.LABEL, _FIRST, score=0.0123, note=note)
    (gallery,) = galleries.of_problems([label], _PICTURES)
    (item,) = gallery.items
    assert item.pictures[0].label == "rose"
    assert item.note == f"{note}; probability of the label 1.2%"
    assert not item.is_alarming


def test_the_first_ones_are_shown_and_all_are_counted():
    problems = [
        DataProblem(kind, _FIRST, other, 0.01)
        for kind, other in ((data_problems.LABEL, None), (data_problems.EXACT, _SECOND))
        for _ in range(30)
    ]
    assert len(galleries.shown(problems)) == 24 + 12
    pairs, labels = galleries.of_problems(problems, _PICTURES)
    assert (len(labels.items), labels.total) == (24, 30)
    assert (len(pairs.items), pairs.total) == (12, 30)
    assert galleries.of_problems([], {}) == ()


def test_unreadable_files_have_no_picture():
    problem = DataProblem(data_problems.UNREADABLE, _FIRST, note="truncated")
    assert galleries.of_problems([problem], {}) == ()


@pytest.mark.parametrize(
    ("channels", "shape"), [(1, (72, 36)), (2, (72, 36)), (3, (72, 36, 3))]
)
def test_thumbnails(channels, shape):
    image = np.linspace(-1, 1, 200 * 100 * channels, dtype=np.float32)
    made = galleries.thumbnail(image.reshape(200, 100, channels), (-1.0, 1.0))
    assert made.shape == shape
    assert made.dtype == np.uint8
    assert made.min() < 5
    assert made.max() > 250


def test_thumbnails_of_values_that_are_not_finite():
    image = np.full((4, 4, 1), np.nan, np.float32)
    assert galleries.thumbnail(image, (0.0, 1.0)).shape == (4, 4)


def test_names_that_are_too_long_lose_their_middle():
    place = Place("train", "a/" + "x" * 10_000, "y" * 10_000)
    label = DataProblem(data_problems.LABEL, place)
    (gallery,) = galleries.of_problems([label], {place: np.zeros((2, 2), np.uint8)})
    picture = gallery.items[0].pictures[0]
    assert len(picture.name) <= 120
    assert len(picture.label) <= 120
