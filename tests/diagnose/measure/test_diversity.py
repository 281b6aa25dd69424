"""Tests of framework/diagnose/measure/diversity.py."""

import numpy as np
import pytest

from framework.data.split import Split
from framework.diagnose.core.measurement import UnavailableError
from framework.diagnose.measure.diversity import Diversity


def test_training_images_that_repeat_a_few(context, scans):
    rows = np.arange(len(scans.train)) % 20
    few = Split(scans.train.images[rows], scans.train.labels[rows])
    repeated = context(few, scans.validation).get(Diversity)
    assert repeated.repeated.value == 1.0
    assert repeated.uncovered.low > 0.5
    healthy = context(scans.train, scans.validation).get(Diversity)
    assert healthy.repeated.value < 0.1
    assert healthy.uncovered.value < 0.15


def test_unavailable_for_rows_and_for_few_images(context, scans):
    flat = [
        Split(each.images.reshape(len(each), -1), each.labels)
        for each in (scans.train, scans.validation)
    ]
    few = scans.validation.take(np.arange(29))
    for case in (context(*flat), context(scans.train, few)):
        with pytest.raises(UnavailableError, match="no 30 images of each split"):
            case.get(Diversity)
