"""Tests of framework/diagnose/accuracy.py."""

import numpy as np
import pytest
from framework.diagnose.accuracy import measure

from framework.numerics.intervals import difference, proportion


def says(made, outputs):
    """Has a model say the same of any images, by their number."""
    made.program.ask = lambda images, training=False: outputs(len(images), training)
    return made


def always(first):
    """Returns outputs for the class 0, with a certain logit."""
    return lambda count, training: np.tile(
        np.array([first, *[0.0] * 9], np.float32), (count, 1)
    )


def test_counts(subject, scans):
    train, validation = (
        split.take(np.arange(100)) for split in (scans.train, scans.validation)
    )
    found = measure(says(subject(train, validation), always(2.0)))
    zeros = int(np.sum(validation.labels == 0))
    assert found["classes"] == 10
    assert found["validation/images"] == 100
    assert found["validation/accuracy"] == proportion(zeros, 100)
    assert found["validation/largest_share"] == 1.0
    share = np.bincount(validation.labels).max() / 100
    assert found["validation/majority"] == pytest.approx(share)
    rest = np.log(np.exp(2) + 9)
    assert found["validation/loss"] == pytest.approx(rest - 2 * zeros / 100)
    assert found["gap/clean_validation"] == difference(
        found["clean/accuracy"], found["validation/accuracy"]
    )


def test_images_held_out_are_measured_where_there_are_any(subject, scans):
    rows = np.arange(200)
    made = subject(scans.train.take(rows), scans.validation)
    assert "dev/accuracy" not in measure(made)
    made = subject(
        scans.train.take(rows), scans.validation, dev=scans.train.take(rows + 200)
    )
    found = measure(made)
    assert found["dev/images"] == 200
    assert found["gap/clean_dev"].value > 0
    assert found["gap/dev_validation"].value == pytest.approx(
        found["dev/accuracy"].value - found["validation/accuracy"].value
    )


def test_training_mode_is_a_mode_of_its_own(subject, scans):
    train = scans.train.take(np.arange(100))

    def outputs(count, training):
        found = always(0.0)(count, training)
        found[:, 3 if training else 5] = 1.0
        return found

    found = measure(says(subject(train, scans.validation), outputs))
    assert found["training_mode/accuracy"].value == np.mean(train.labels == 3)
    assert found["clean/accuracy"].value == np.mean(train.labels == 5)


def test_labels_without_an_output_are_wrong_and_have_no_loss(subject, scans):
    made = subject(scans.train, scans.validation)
    two = np.array([2.0, 0.0], np.float32)
    says(made, lambda count, training: np.tile(two, (count, 1)))
    found = measure(made)
    known = made.validation.labels[made.validation.labels < 2]
    loss = np.log1p(np.exp(2)) - 2 * np.mean(known == 0)
    assert found["validation/loss"] == pytest.approx(loss)
    assert found["validation/accuracy"].value == np.mean(made.validation.labels == 0)


def test_a_model_that_has_diverged_is_measured_as_well(subject, scans):
    made = says(subject(scans.train, scans.validation), always(np.nan))
    found = measure(made)
    assert np.isnan(found["clean/loss"])
    assert found["clean/largest_share"] == 1.0
