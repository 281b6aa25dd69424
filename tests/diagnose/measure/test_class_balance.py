"""Tests of framework/diagnose/measure/class_balance.py."""

import numpy as np
import pytest

from framework.data.split import Split
from framework.diagnose.core.measurement import UnavailableError
from framework.diagnose.measure.class_balance import ClassBalance, balanced_mean


def rows(counts):
    labels = np.repeat(np.arange(len(counts)), counts).astype(np.int32)
    return Split(np.eye(len(counts), dtype=np.float32)[labels], labels)


def test_even_classes(context):
    balance = context(rows([50] * 4), rows([30] * 4)).get(ClassBalance)
    assert balance.evenness == pytest.approx(1.0)
    assert balance.ratio == 1.0
    assert balance.gap.value == pytest.approx(0.0)


def test_a_model_that_knows_the_frequent_class_only(context):
    case = context(rows([300, 20, 10]), rows([60, 60, 60]))
    case.program.predict = lambda images, training=False: np.tile(
        np.array([1.0, 0.0, 0.0], np.float32), (len(images), 1)
    )
    balance = case.get(ClassBalance)
    assert balance.ratio == 30
    assert balance.evenness < 0.5
    # Weighted as in training 300 of 330 are right, and one class of three.
    assert balance.gap.value == pytest.approx(300 / 330 - 1 / 3)
    assert balance.gap.low > 0.5


def test_classes_count_the_same_in_a_balanced_mean():
    values = np.array([1.0] * 90 + [0.0] * 10)
    labels = np.array([0] * 90 + [1] * 10)
    mean = balanced_mean(values, labels)
    assert mean.value == 0.5
    # Agreement is not certainty.
    assert mean.low < 0.5 < mean.high


def test_unavailable_for_one_class(context):
    train = Split(np.ones((20, 2), np.float32), np.zeros(20, np.int32))
    case = context(train, rows([5, 5]))
    with pytest.raises(UnavailableError, match="fewer than 2 classes"):
        case.get(ClassBalance)
