"""Tests of framework/diagnose/measure/cross_evaluation.py."""

import itertools

import numpy as np
import pytest

from framework.data.split import Split
from framework.diagnose.core.measurement import NotApplicableError
from framework.diagnose.measure.accuracy import Accuracy
from framework.diagnose.measure.cross_evaluation import CrossEvaluation
from framework.numerics.intervals import proportion


def test_all_combinations_are_measured(context, scans):
    case = context(scans.train, scans.validation)
    measured = case.get(CrossEvaluation)
    combinations = [(c.images, c.preprocessing, c.mode) for c in measured.cells]
    assert combinations == list(
        itertools.product(
            ("train", "validation"), ("own", "other"), ("evaluation", "training")
        )
    )
    correct = case.correct("validation")
    expected = proportion(int(correct.sum()), len(correct))
    assert measured.accuracy("validation") == expected
    # At most 1,000 images of a split.
    correct = case.correct("train")[:1000]
    assert measured.accuracy("train") == proportion(int(correct.sum()), 1000)


def test_what_is_predicted_in_any_case_is_not_predicted_again(context, scans):
    case, counts = context(scans.train, scans.validation), []
    case.get(Accuracy)
    predict = case.program.predict

    def counting(images, training=False):
        counts.append(len(images))
        return predict(images, training)

    case.program.predict = counting
    case.get(CrossEvaluation)
    # Validation images in training mode; of either split, 500 in other preprocessing.
    of_validation = [min(len(scans.validation), most) for most in (1000, 500, 500)]
    assert counts == [500, 500, *of_validation]


def test_another_light_is_undone_by_the_other_preprocessing(context, scans):
    dark = Split(scans.validation.images // 8, scans.validation.labels)
    measured = context(scans.train, dark).get(CrossEvaluation)
    own = measured.accuracy("validation")
    other = measured.accuracy("validation", "other")
    assert other.value > own.value


def test_training_mode_is_a_mode_of_its_own(context, scans):
    case = context(scans.train, scans.validation)

    def predict(images, training=False):
        labels = np.full(len(images), 3 if training else 5)
        return np.eye(10, dtype=np.float32)[labels]

    case.program.predict = predict
    measured = case.get(CrossEvaluation)
    for mode, label in (("training", 3), ("evaluation", 5)):
        accuracy = measured.accuracy("validation", mode=mode)
        assert accuracy.value == np.mean(scans.validation.labels == label)


def test_combinations_that_the_model_does_not_take_are_left_out(context, scans):
    case = context(scans.train, scans.validation)
    predict = case.program.predict

    def fails_in_training(images, training=False):
        if training:
            raise NotApplicableError("there is no training mode")
        return predict(images)

    case.program.predict = fails_in_training
    measured = case.get(CrossEvaluation)
    assert {cell.mode for cell in measured.cells} == {"evaluation"}
    assert measured.accuracy("train", mode="training") is None


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_the_kind_of_the_values_stays(context, scans, kind):
    splits = [
        Split(each.images.astype(kind), each.labels)
        for each in (scans.train, scans.validation)
    ]
    case, kinds = context(*splits), set()
    predict = case.program.predict

    def recorded(images, training=False):
        kinds.add(images.dtype)
        return predict(images)

    case.program.predict = recorded
    case.get(CrossEvaluation)
    assert kinds == {np.dtype(kind)}
