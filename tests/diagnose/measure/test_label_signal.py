"""Tests of framework/diagnose/measure/label_signal.py."""

import numpy as np
import pytest

from framework.data.split import Split
from framework.diagnose.core.measurement import UnavailableError
from framework.diagnose.measure.label_signal import LabelSignal


def test_true_labels_say_much_in_both_splits(context, scans):
    signal = context(scans.train, scans.validation).get(LabelSignal)
    assert min(each.z for each in signal.signals.values()) > 19


def test_permuted_labels_say_nothing_beside_a_control(context, scans):
    labels = np.random.default_rng(0).permutation(scans.train.labels)
    case = context(Split(scans.train.images, labels), scans.validation)
    signal = case.get(LabelSignal)
    assert signal.signals["train"].z < 3
    assert signal.controls["train"].z > 19
    assert set(signal.controls) == set(signal.orders) == {"train"}
    assert len(signal.orders["train"]) == 3


def test_unavailable_for_a_single_image(context, scans):
    case = context(scans.train, scans.validation.take(np.arange(1)))
    with pytest.raises(UnavailableError, match="a split has fewer than 2 images"):
        case.get(LabelSignal)
