"""Tests of framework/diagnose/measure/most_shifted.py."""

import dataclasses

import numpy as np
import pytest

from framework.data.drawn import drawn_flowers
from framework.diagnose.measure.most_shifted import MostShifted
from framework.diagnose.measure.shift import Shift


@pytest.fixture
def dark(context):
    """A context whose validation images are darker, two of them nearly black."""
    data = drawn_flowers(train=120, validation=120, size=32)
    images = (data.validation.images * 0.5).astype(np.uint8)
    images[[7, 90]] //= 8
    validation = dataclasses.replace(data.validation, images=images)
    case = context(data.train, validation)
    shift = Shift(0.9, 0.0, {"brightness": 0.9, "noise": 0.6}, (), "")
    case.measurements._results[Shift] = shift
    return case


def test_the_darkest_images_come_first(dark):
    shifted = dark.get(MostShifted)
    assert shifted.name == "brightness"
    assert set(shifted.places[:2]) == {"7", "90"}
    assert len(shifted.images) == len(shifted.labels) == 24
    assert (np.diff(np.abs(shifted.distances)) <= 0).all()
    assert shifted.distances[0] < -2
    assert shifted.range == (0.0, 255.0)
    assert shifted.total == 120
    first = int(shifted.places[0])
    np.testing.assert_array_equal(shifted.images[0], dark.validation.images[first])
    label = dark.class_names[dark.validation.labels[first]]
    assert shifted.labels[0] == label


def test_splits_that_differ_in_nothing(dark):
    dark.measurements._results[Shift] = Shift(0.5, 1.0, {}, (), "")
    assert dark.measurements.find(MostShifted) is None
