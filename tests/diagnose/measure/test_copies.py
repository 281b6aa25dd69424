"""Tests of framework/diagnose/measure/copies.py."""

import numpy as np
import pytest

from framework.data.drawn import drawn_flowers
from framework.diagnose.measure.copies import (
    SAME,
    CopySearch,
    Thumbnails,
    copy_threshold,
)
from framework.diagnose.measure.features import Scale


@pytest.fixture(scope="module")
def images():
    return drawn_flowers(train=200, validation=20, size=64, noise=0.0).train.images


@pytest.fixture(scope="module")
def search(images):
    return CopySearch(Thumbnails(images, Scale.of(images)))


def cropped(images):
    # 54 of 64 pixels, resized by repetition of pixels.
    rows = np.arange(64) * 54 // 64
    return images[:, 4:58, 8:62][:, rows][:, :, rows]


CHANGES = {
    "none": lambda images: images,
    "mirrored": lambda images: images[:, :, ::-1],
    "moved": lambda images: np.roll(images, (5, -4), axis=(1, 2)),
    "cropped": cropped,
    "cropped and mirrored": lambda images: cropped(images)[:, :, ::-1],
    "half the resolution": lambda images: (
        images[:, ::2, ::2].repeat(2, axis=1).repeat(2, axis=2)
    ),
    "few shades": lambda images: images // 16 * 16,
    "darker": lambda images: (0.7 * images).astype(np.uint8),
}


@pytest.mark.extended
@pytest.mark.parametrize("name", CHANGES)
def test_finds_copies_that_are(search, images, name):
    changed = CHANGES[name](images[:40])
    matches = search.best(Thumbnails(changed, Scale.of(images)))
    found = (matches.index == np.arange(40)) & (matches.similarity > 0.85)
    assert found.mean() >= 0.85
    assert np.all(matches.is_mirrored[found] == ("mirrored" in name))


def test_strangers_are_no_copies(images):
    validation = drawn_flowers(
        train=20, validation=100, size=64, noise=0.0
    ).validation.images
    known = Thumbnails(images, Scale.of(images))
    search = CopySearch(known)
    among = search.best(known, np.arange(len(images)))
    across = search.best(Thumbnails(validation, Scale.of(images)))
    assert np.all(among.index != np.arange(len(images)))
    assert np.all(across.similarity < copy_threshold(among.similarity))


def test_one_known_image_and_none_to_look_up(images):
    scale = Scale.of(images)
    search = CopySearch(Thumbnails(images[:1], scale))
    assert search.best(Thumbnails(images[:1], scale)).similarity[0] > 0.999
    assert search.best(Thumbnails(images[:1], scale), np.zeros(1, int)).similarity < 0
    assert len(search.best(Thumbnails(images[:0], scale)).index) == 0


def test_blank_images_are_no_copies():
    blank = np.zeros((5, 8, 8, 1), np.uint8)
    known = Thumbnails(blank, Scale.of(blank))
    assert CopySearch(known).best(known).similarity.max() == 0


@pytest.mark.parametrize(
    ("similarities", "threshold"),
    [
        # Strangers that are little alike, some of which more than others.
        ([0.3, 0.35, 0.4] * 9 + [1.0], 0.85),
        # Strangers that are as alike as digits are.
        (np.tanh(np.linspace(1.2, 1.8, 99)), 0.984),
        # Some are little alike; the others differ no more than before.
        (np.tanh(np.append(np.full(20, 0.3), np.linspace(1.2, 1.8, 99))), 0.987),
        # Most have copies.
        ([0.9] + [1.0] * 9, SAME),
    ],
)
def test_threshold_by_what_strangers_are_like(similarities, threshold):
    assert copy_threshold(np.array(similarities)) == pytest.approx(threshold, abs=0.005)
