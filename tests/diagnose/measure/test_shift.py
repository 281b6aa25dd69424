"""Tests of framework/diagnose/measure/shift.py."""

import numpy as np
import pytest

from framework.data.drawn import drawn_flowers
from framework.data.split import Split
from framework.diagnose.core.measurement import UnavailableError
from framework.diagnose.measure.shift import ProbeLoss, Shift


def test_another_light_is_told_apart(context):
    data = drawn_flowers(
        train=300, validation=300, size=32, light=0.1, validation_light=1.5
    )
    case = context(data.train, data.validation)
    shift = case.get(Shift)
    assert shift.auc > 0.6
    assert shift.p < 0.01
    assert next(iter(shift.named)) == "brightness"
    assert len(shift.descriptions) == len(shift.named) <= 3
    assert case.get(ProbeLoss).loss.low > 0


@pytest.mark.extended
def test_splits_of_one_kind_are_not(context, scans):
    case = context(scans.train, scans.validation)
    assert case.get(Shift).auc < 0.6
    assert case.get(ProbeLoss).loss.low < 0.03


def test_unavailable_for_rows_and_for_few_images(context, scans):
    flat = [
        Split(each.images.reshape(len(each), -1), each.labels)
        for each in (scans.train, scans.validation)
    ]
    few = context(scans.train, scans.validation.take(np.arange(20)))
    for kind in (Shift, ProbeLoss):
        with pytest.raises(UnavailableError, match="the examples are not images"):
            context(*flat).get(kind)
        with pytest.raises(UnavailableError, match="there are no 40 images"):
            few.get(kind)
