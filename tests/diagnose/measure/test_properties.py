"""Tests of framework/diagnose/measure/properties.py."""

import numpy as np
import pytest

from framework.data.drawn import drawn_flowers
from framework.diagnose.measure.features import Scale
from framework.diagnose.measure.properties import NAMES, noise_level, properties

_BYTES = Scale(0.0, 255.0)


@pytest.fixture(scope="module")
def images():
    return drawn_flowers(train=60, validation=1, size=32).train.images


def changes(images, other):
    """Returns by how many deviations each property of another version differs."""
    first, second = (properties(each, _BYTES) for each in (images, other))
    return {
        name: np.mean(second[name] - first[name]) / first[name].std() for name in NAMES
    }


def largest(differences):
    return max(differences, key=lambda name: abs(differences[name]))


def test_light_is_told_from_all_else(images):
    differences = changes(images, images // 2)
    assert largest(differences) == "brightness"
    assert differences["brightness"] < -1


def test_warmth_and_noise(images):
    warm = (images * [1.0, 0.8, 0.6]).astype(np.uint8)
    assert largest(changes(images, warm)) in ("colour temperature", "saturation")
    draws = np.random.default_rng(0).normal(0, 30, images.shape)
    noisy = np.clip(images + draws, 0, 255).astype(np.uint8)
    assert largest(changes(images, noisy)) == "noise"
    assert noise_level(noisy, _BYTES) == pytest.approx(30, rel=0.15)


def test_position_and_angle_of_what_stands_out():
    images = np.zeros((3, 32, 32, 1), np.uint8)
    images[0, 14:18, 4:28] = 200
    images[1, 4:28, 14:18] = 200
    images[2, 14:18, 20:28] = 200
    values = properties(images, _BYTES)
    assert values["tilt"][0] > 0.9
    assert values["tilt"][1] < -0.9
    assert values["horizontal position"] == pytest.approx([0, 0, 0.26], abs=0.02)
    assert values["size"][2] < values["size"][0]


def test_gray_blank_and_tiny_images():
    for shape in ((2, 8, 8, 1), (2, 8, 8), (2, 4, 4, 3), (2, 200, 100, 3)):
        values = properties(np.zeros(shape, np.uint8), _BYTES)
        assert set(values) == set(NAMES)
        assert all(np.isfinite(each).all() for each in values.values())
