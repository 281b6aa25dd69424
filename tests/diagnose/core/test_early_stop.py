"""Tests of framework/diagnose/core/early_stop.py."""

import types

import numpy as np
import pytest

from framework.diagnose.core.early_stop import half_way, is_seen_early
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.standing import Standing
from framework.numerics.metrics import Predictions

_IMAGES = 1000
_LABELS = np.arange(_IMAGES) % 5
_STANDARDIZE = Intervention(standardize=True)


def predicted(accuracy):
    """Returns predictions that are right of the first images."""
    is_right = np.arange(_IMAGES) < round(accuracy * _IMAGES)
    return np.where(is_right, _LABELS, (_LABELS + 1) % 5)


def standing(curve, config=None):
    """Returns the standing of a run with an evaluation after each epoch."""
    predictions = []
    for accuracy in curve:
        classes = predicted(accuracy)
        predictions.append(Predictions(_LABELS, *(classes,) * 4))
    split = types.SimpleNamespace(labels=_LABELS)
    return Standing(
        types.SimpleNamespace(
            predictions=predictions,
            rows=[{"epoch": 1.0 + place} for place in range(len(curve))],
            settings=types.SimpleNamespace(config=config),
            validation=split,
            train=split,
            correct=lambda name: predicted(curve[-1]) == _LABELS,
        )
    )


_CURVE = [0.3, 0.45, 0.5, 0.55, 0.58, 0.6]


@pytest.mark.parametrize(
    ("at_epoch", "accuracy", "is_ended"),
    [
        # As good as the run was then: it ends no higher.
        (2.0, 0.45, True),
        (2.0, 0.3, True),
        # Ahead by what is needed, or perhaps.
        (2.0, 0.56, False),
        (2.0, 0.49, False),
        # What is at chance may still begin to learn.
        (2.0, 0.21, False),
        # Too early and too late to look.
        (1.0, 0.3, False),
        (3.0, 0.3, False),
    ],
)
def test_a_trial_that_is_certain_to_gain_too_little_is_ended(
    at_epoch, accuracy, is_ended
):
    futile = half_way(standing(_CURVE), _STANDARDIZE, 4.0)
    assert futile(at_epoch, lambda: predicted(accuracy)) == is_ended


def test_it_is_looked_at_once():
    futile = half_way(standing(_CURVE), _STANDARDIZE, 4.0)
    assert not futile(2.0, lambda: predicted(0.6))
    assert not futile(2.5, lambda: predicted(0.3))


def test_without_a_curve_nothing_is_ended():
    futile = half_way(standing([0.6]), _STANDARDIZE, 4.0)
    assert not futile(2.0, lambda: predicted(0.3))


def test_a_remedy_ahead_by_what_is_asked_for_is_rarely_given_up():
    """In at most 2.5 % of the trials, by the interval; here of 400."""
    reached, generator = standing(_CURVE), np.random.default_rng(0)
    least = reached.minimum_gain / 2
    at_two = reached.gain_at_length(2.0, np.zeros(_IMAGES)).value
    ended = 0
    for _ in range(400):
        is_right = generator.random(_IMAGES) < -at_two + least
        classes = np.where(is_right, _LABELS, (_LABELS + 1) % 5)
        futile = half_way(reached, _STANDARDIZE, 4.0)
        ended += futile(2.0, lambda classes=classes: classes)
    assert ended / 400 < 0.045


def test_on_top_of_another_remedy_nothing_is_ended():
    reached = standing(_CURVE)
    classes = predicted(0.7)
    result = types.SimpleNamespace(
        validation_predictions=classes, train_predictions=classes, name="dead_units"
    )
    reached.accept(result, Intervention(activation="leaky_relu"))
    assert half_way(reached, _STANDARDIZE, 4.0) is None


@pytest.mark.parametrize(
    ("intervention", "is_seen"),
    [
        (Intervention(standardize=True, reinitialize=True), True),
        (Intervention(learning_rate_factor=10.0), True),
        # These begin slower than the run, and may end above it.
        (Intervention(learning_rate_factor=0.1), False),
        (Intervention(learning_rate_factor=-0.1), False),
        (Intervention(batch_size_factor=4.0), False),
        (Intervention(batch_size_factor=0.25), True),
        (Intervention(dropout=0.3), False),
        (Intervention(dropout=0.0, weight_decay=0.0, augment=""), True),
        (Intervention(augment="flip"), False),
        (Intervention(standardize=True, unfreeze=True), False),
        (Intervention(constant_learning_rate=0.1), False),
    ],
)
def test_which_remedies_are_seen_early(intervention, is_seen):
    assert is_seen_early(intervention) == is_seen
