"""Tests of framework/diagnose/measure/forecast.py."""

import types

import numpy as np
import pytest

from framework.diagnose.core.measurement import NotApplicableError
from framework.diagnose.measure.forecast import Forecast
from framework.numerics.metrics import Predictions

_IMAGES = 10_000


def context(accuracies):
    """Returns a run with an evaluation of each accuracy at equal distances."""
    labels = np.zeros(_IMAGES, np.int64)
    wrong = [
        np.where(np.arange(_IMAGES) < round(each * _IMAGES), 0, 1)
        for each in accuracies
    ]
    return types.SimpleNamespace(
        rows=[{"step": 10 * (place + 1)} for place in range(len(accuracies))],
        predictions=[Predictions(labels, each, each, each, each) for each in wrong],
    )


def test_a_curve_of_the_logarithm_rises_as_before():
    steps = np.arange(1, 21)
    forecast = Forecast.measure(context(0.3 + 0.05 * np.log2(steps)))
    assert forecast.gain.value == pytest.approx(0.05, abs=0.001)
    assert forecast.gain.low <= 0.05 <= forecast.gain.high + 0.001
    assert forecast.evaluations == 11


def test_a_curve_that_bends_downwards_gains_less_than_forecast():
    """Accuracy that approaches .8: the forecast is an upper bound."""

    def accuracy(steps):
        return 0.8 - 0.5 * np.exp(-steps / 8)

    forecast = Forecast.measure(context(accuracy(np.arange(1, 21))))
    assert 0 < accuracy(40) - accuracy(20) < forecast.gain.value


def test_noise_widens_the_interval():
    noise = np.random.default_rng(0).normal(0, 0.02, 20)
    smooth, rough = (
        Forecast.measure(context(0.3 + 0.05 * np.log2(np.arange(1, 21)) + each)).gain
        for each in (0 * noise, noise)
    )
    assert rough.high - rough.low > 10 * (smooth.high - smooth.low)


def test_nothing_gains_more_than_all_errors():
    gain = Forecast.measure(context(np.linspace(0.1, 0.95, 20))).gain
    assert gain.high <= 0.05 + 1e-9
    assert gain.low <= gain.value <= gain.high


def test_of_few_evaluations_nothing_is_forecast():
    with pytest.raises(NotApplicableError, match="only 3 evaluations"):
        Forecast.measure(context([0.1, 0.2, 0.3, 0.4]))
    made = context([0.1] * 20)
    made.predictions = made.predictions[-1:]
    with pytest.raises(NotApplicableError):
        Forecast.measure(made)
