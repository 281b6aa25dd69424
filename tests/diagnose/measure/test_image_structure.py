"""Tests of framework/diagnose/measure/image_structure.py."""

import numpy as np
import pytest

from framework.data.split import Split
from framework.diagnose.core.measurement import UnavailableError
from framework.diagnose.measure.image_structure import ImageStructure


def test_digits_show_something_whatever_the_labels(context, scans):
    labels = np.random.default_rng(0).permutation(scans.train.labels)
    case = context(Split(scans.train.images, labels), scans.validation)
    signals = case.get(ImageStructure).signals
    assert min(each.z for each in signals.values()) > 5


@pytest.mark.extended
@pytest.mark.parametrize("seed", range(3))
def test_pixels_that_are_drawn_one_by_one_show_nothing(context, seed):
    generator = np.random.default_rng(seed)
    images = generator.integers(0, 256, (600, 16, 16, 3)).astype(np.uint8)
    noise = Split(images, generator.integers(0, 5, 600).astype(np.int32))
    case = context(noise.take(np.arange(400)), noise.take(np.arange(400, 600)))
    signals = case.get(ImageStructure).signals
    assert max(each.z for each in signals.values()) < 5


def test_constant_images_show_nothing(context):
    labels = np.arange(400, dtype=np.int32) % 10
    flat = Split(np.zeros((400, 8, 8, 1), np.float32), labels)
    signals = context(flat, flat).get(ImageStructure).signals
    assert max(each.z for each in signals.values()) < 5


def test_rows_of_features_have_no_halves(context, scans):
    rows = Split(scans.train.images.reshape(len(scans.train), -1), scans.train.labels)
    case = context(rows, rows)
    with pytest.raises(UnavailableError, match="the examples are not images"):
        case.get(ImageStructure)
