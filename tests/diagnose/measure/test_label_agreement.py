"""Tests of framework/diagnose/measure/label_agreement.py."""

import numpy as np
import pytest

from framework.data.dataset import Split
from framework.diagnose.core.measurement import UnavailableError
from framework.diagnose.measure.label_agreement import (
    FlaggedLabels,
    LabelAgreement,
    flagged,
)


def noisy(split, fraction):
    generator = np.random.default_rng(0)
    is_wrong = generator.random(len(split)) < fraction
    others = (split.labels + generator.integers(1, 10, len(split))) % 10
    labels = np.where(is_wrong, others, split.labels).astype(np.int32)
    return Split(split.images, labels)


def test_wrong_labels_are_contradicted_and_flagged(context, scans):
    case = context(noisy(scans.train, 0.2), scans.validation)
    agreement = case.get(LabelAgreement)
    assert agreement.easy.value == pytest.approx(0.2, abs=0.1)
    assert agreement.validation.value < 0.05
    assert agreement.worst_class in case.class_names
    assert agreement.worst.value >= agreement.easy.low
    fraction = case.get(FlaggedLabels).fraction.value
    assert fraction == pytest.approx(0.2, abs=0.05)


def test_right_labels_are_not(context, scans):
    case = context(scans.train, scans.validation)
    assert case.get(LabelAgreement).easy.value < 0.02
    assert case.get(FlaggedLabels).fraction.value < 0.1


def test_one_class_is_never_flagged():
    assert not flagged(np.eye(9, dtype=np.float32), np.zeros(9, int)).any()


def test_unavailable_for_few_images(context, scans):
    case = context(scans.train.take(np.arange(199)), scans.validation)
    with pytest.raises(UnavailableError, match="fewer than 200 training images"):
        case.get(LabelAgreement)
