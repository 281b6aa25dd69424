"""Tests of framework/diagnose/core/control.py."""

import types

import numpy as np
import pytest

from framework.diagnose.core.control import Control, at_end, at_length
from framework.numerics.intervals import paired_difference
from framework.numerics.metrics import Predictions

_IMAGES = 2000


def right(fraction, images=_IMAGES):
    return np.arange(images) < round(fraction * images)


def context(accuracies, rates=None, config=None, images=_IMAGES, last=None):
    """Returns a run of ten epochs with evaluations of these accuracies."""
    labels = np.zeros(images, np.int64)
    evaluations = [np.where(right(each, images), 0, 1) for each in accuracies]
    count = len(accuracies)
    rates = rates or [0.1] * count
    validation = right(accuracies[-1] if last is None else last, images)
    return types.SimpleNamespace(
        rows=[
            {"epoch": 10 * (place + 1) / count, "learning_rate": rates[place]}
            for place in range(count)
        ],
        predictions=[
            Predictions(labels, each, each, each, each) for each in evaluations
        ],
        validation=types.SimpleNamespace(labels=labels[:5000]),
        correct=lambda name: validation[:5000],
        settings=types.SimpleNamespace(config=config),
    )


@pytest.mark.parametrize(
    "accuracies", [[0.6], [0.2, 0.4, 0.5, 0.55, 0.58], [0.5, 0.505, 0.5, 0.502, 0.5]]
)
def test_a_curve_without_swings_is_compared_at_its_end(accuracies):
    control = at_end(context(accuracies))
    assert (control.evaluations, control.swing) == (1, 0.0)
    assert np.array_equal(control.correct, right(accuracies[-1]))
    trial = right(0.9)
    assert control.gain(trial) == paired_difference(trial, right(accuracies[-1]))


def test_a_swing_widens_the_interval():
    swinging, calm = [0.4, 0.6, 0.42, 0.58, 0.4], [0.48] * 5
    control = at_end(context(swinging))
    assert control.evaluations == 5
    assert control.correct.mean() == pytest.approx(np.mean(swinging))
    assert control.swing == pytest.approx(np.std(swinging, ddof=1), rel=0.4)
    wide, narrow = (
        at_end(context(each)).gain(right(0.56)) for each in (swinging, calm)
    )
    assert wide.value == pytest.approx(narrow.value)
    assert narrow.low > 0 > wide.low


def test_weights_that_are_not_those_of_the_evaluations_stand_alone():
    control = at_end(context([0.4, 0.6, 0.42, 0.58, 0.4], last=0.7))
    assert (control.correct.mean(), control.evaluations) == (pytest.approx(0.7), 1)


def test_images_of_another_order_are_not_compared_one_by_one():
    made = context([0.4, 0.6, 0.42, 0.58, 0.4])
    made.validation.labels = np.arange(_IMAGES) % 2
    assert at_end(made).evaluations == 1
    assert at_length(made, 2.0) is None


def test_of_many_images_the_same_sample_is_compared():
    made = context([0.2, 0.6, 0.6], images=20_000)
    generator = np.random.Generator(np.random.PCG64(0))
    chosen = np.sort(generator.permutation(np.arange(20_000))[:5000])
    expected = right(0.2, 20_000)[chosen]
    assert np.array_equal(at_length(made, 3.0).correct, expected)


@pytest.mark.parametrize(
    ("epochs", "accuracy"),
    # At least as long: the first evaluation after it.
    [(0.5, 0.1), (2.0, 0.1), (2.1, 0.2), (7.9, 0.4), (8.0, 0.4), (8.1, None)],
)
def test_the_run_at_equal_length(epochs, accuracy):
    control = at_length(context([0.1, 0.2, 0.3, 0.4, 0.5]), epochs)
    if accuracy is None:
        assert control is None
    else:
        assert control.correct.mean() == pytest.approx(accuracy)


@pytest.mark.parametrize(
    ("rates", "config", "is_control"),
    [
        ([1.0, 1.0, 1.0], "a config", True),
        # A trial has come to the end of its schedule, the run had not.
        ([1.0, 0.5, 0.0], "a config", False),
        # Keras trains by the same rates at the same steps.
        ([1.0, 0.5, 0.0], None, True),
    ],
)
def test_a_rate_that_falls_makes_no_control(rates, config, is_control):
    made = context([0.1, 0.2, 0.3], rates, config)
    assert (at_length(made, 3.0) is not None) is is_control


def test_two_seeds_swing_less_than_one():
    control = Control(right(0.5), evaluations=5, swing=0.1)
    one, two = (control.gain(right(0.8), seeds) for seeds in (1, 2))
    ratio = (two.high - two.low) / (one.high - one.low)
    assert ratio == pytest.approx(np.sqrt((1 / 2 + 1 / 5) / (1 + 1 / 5)), abs=0.02)


def test_the_mean_of_two_trials_is_compared():
    control = Control(right(0.5))
    both = np.mean([right(0.7), right(0.5)], axis=0)
    gain = control.gain(both)
    assert gain.value == pytest.approx(0.1)
    assert 0 < gain.low < 0.1 < gain.high
