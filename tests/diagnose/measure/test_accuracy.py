"""Tests of framework/diagnose/measure/accuracy.py."""

import numpy as np
import pytest

from framework.diagnose.measure.accuracy import Accuracy, CountedMetrics
from framework.numerics.intervals import difference, proportion


def with_outputs(case, outputs):
    """Makes a context's program return the same for all images, by their number."""
    case.program.predict = lambda images, training=False: outputs(len(images), training)
    return case


def always(first):
    """Returns outputs for the class 0, with a certain logit."""
    return lambda count, training: np.tile(
        np.array([first, *[0.0] * 9], np.float32), (count, 1)
    )


def test_counts(context, scans):
    train, validation = (
        split.take(np.arange(100)) for split in (scans.train, scans.validation)
    )
    accuracy = with_outputs(context(train, validation), always(2.0)).get(Accuracy)
    zeros = int(np.sum(validation.labels == 0))
    assert accuracy.classes == 10
    assert accuracy.validation.images == 100
    assert accuracy.validation.accuracy == proportion(zeros, 100)
    assert accuracy.validation.modal_fraction == 1.0
    majority = np.bincount(validation.labels).max() / 100
    assert accuracy.validation.majority == pytest.approx(majority)
    rest = np.log(np.exp(2) + 9)
    assert accuracy.validation.loss == pytest.approx(rest - 2 * zeros / 100)
    assert accuracy.gap == difference(
        accuracy.train_clean.accuracy, accuracy.validation.accuracy
    )


def test_images_held_out_are_measured_where_there_are_any(context, scans):
    rows = np.arange(200)
    accuracy = context(scans.train.take(rows), scans.validation).get(Accuracy)
    assert accuracy.train_dev is None
    assert accuracy.gap_to_dev is None
    assert accuracy.gap_from_dev is None
    dev = scans.train.take(rows + 200)
    accuracy = context(scans.train.take(rows), scans.validation, dev=dev).get(Accuracy)
    assert accuracy.train_dev.images == 200
    assert accuracy.gap_to_dev.value > 0
    assert accuracy.gap_from_dev.value == pytest.approx(
        accuracy.train_dev.accuracy.value - accuracy.validation.accuracy.value
    )


def test_training_mode_is_measured_by_itself(context, scans):
    train = scans.train.take(np.arange(100))

    def outputs(count, training):
        values = always(0.0)(count, training)
        values[:, 3 if training else 5] = 1.0
        return values

    case = with_outputs(context(train, scans.validation), outputs)
    accuracy = case.get(Accuracy)
    assert accuracy.training_mode.value == np.mean(train.labels == 3)
    assert accuracy.train_clean.accuracy.value == np.mean(train.labels == 5)


def test_labels_without_an_output_are_wrong_and_have_no_loss(context, scans):
    case = context(scans.train, scans.validation)
    two = np.array([2.0, 0.0], np.float32)
    with_outputs(case, lambda count, training: np.tile(two, (count, 1)))
    accuracy = case.get(Accuracy)
    labels = case.validation.labels
    loss = np.log1p(np.exp(2)) - 2 * np.mean(labels[labels < 2] == 0)
    assert accuracy.validation.loss == pytest.approx(loss)
    assert accuracy.validation.accuracy.value == np.mean(labels == 0)


def test_a_model_that_has_diverged_is_measured_as_well(context, scans):
    case = with_outputs(context(scans.train, scans.validation), always(np.nan))
    accuracy = case.get(Accuracy)
    assert np.isnan(accuracy.train_clean.loss)
    assert accuracy.train_clean.modal_fraction == 1.0


def test_chance_is_that_of_the_majority_or_of_guessing(context, scans):
    even = context(scans.train, scans.validation).get(Accuracy)
    assert even.chance == even.validation.majority > 0.1
    zeros = scans.validation.take(np.flatnonzero(scans.validation.labels == 0))
    assert context(scans.train, zeros).get(Accuracy).chance == 1.0


def test_metrics_are_counted_by_their_names(context, scans):
    case = context(scans.train, scans.validation)
    values = case.get(CountedMetrics).values
    assert values["accuracy"] == pytest.approx(case.correct("validation").mean())
