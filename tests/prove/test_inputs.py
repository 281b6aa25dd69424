"""Tests of framework/prove/inputs.py."""

import numpy as np
import pytest

from framework.data.arrays import digits
from framework.data.split import Split
from framework.prove import inputs
from framework.prove.inputs import Images


def test_a_sample_is_of_both_splits():
    dataset = digits()
    images = Images.of(dataset)
    assert len(images.train) == 1_000
    assert len(images.validation) == len(dataset.validation)


def test_the_change_of_pixels_is_in_standard_deviations():
    train = digits().train
    assert inputs.pixel_change(train, "") == 0
    weak, strong = (inputs.pixel_change(train, f"shift({by})") for by in (0.1, 0.3))
    assert 0 < weak < strong < 3


@pytest.mark.parametrize(
    ("spec", "expected"), [("none", 100.0), ("unit", 100 / 255), ("standard", 1.0)]
)
def test_the_root_mean_square_is_of_normalized_images(spec, expected):
    generator = np.random.default_rng(0)
    values = 100 + 20 * generator.choice([-1, 1], size=(50, 4, 4, 1))
    images = Split(values.astype(np.uint8), np.zeros(50, np.int32))
    actual = inputs.root_mean_square(images, spec)
    assert actual == pytest.approx(expected, rel=0.05)
