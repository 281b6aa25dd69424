"""Tests of framework/diagnose/measure/reported.py."""

import numpy as np
import pytest

from framework.diagnose.measure.reported import (
    LiveWeights,
    Repeatability,
    ReportedMetrics,
)
from framework.numerics.intervals import paired_difference


@pytest.fixture
def case(context, scans):
    """A context whose last evaluation reports other numbers than are counted."""
    rows = [{"validation/accuracy": 0.25, "validation/loss": 2.0}]
    case = context(scans.train, scans.validation, rows=rows)
    case.program.loss = lambda labels, outputs: float(len(labels))
    case.program.penalty = lambda at_initialization: 0.5
    return case


def test_reported_and_counted_metrics(case):
    counted = pytest.approx(case.correct("validation").mean())
    assert case.get(ReportedMetrics) == ReportedMetrics(
        examples=len(case.validation),
        accuracy=0.25,
        loss=2.0,
        counted_accuracy=counted,
        counted_loss=len(case.validation) + 0.5,
        mean_so_far=counted,
    )


def test_metrics_that_are_not_reported_are_none(case):
    case.rows[0].clear()
    metrics = case.get(ReportedMetrics)
    assert metrics.accuracy is None
    assert metrics.loss is None


def test_both_weights_are_evaluated(case):
    labels = case.validation.labels
    case.program.predict_live = lambda images: np.eye(10, dtype=np.float32)[labels]
    weights, evaluated = case.get(LiveWeights), case.correct("validation")
    assert weights.live == 1.0
    assert weights.evaluated == pytest.approx(evaluated.mean())
    assert weights.gain == paired_difference(np.ones_like(evaluated), evaluated)


def test_the_weights_in_training_predict_once_for_all_measurements(case):
    predict, calls = case.program.predict_live, []
    case.program.predict_live = lambda images: calls.append(1) or predict(images)
    case.get(LiveWeights)
    case.get(ReportedMetrics)
    assert len(calls) == 1


def test_one_output_of_live_weights_stands_for_two_classes(case):
    case.program.predict_live = lambda images: np.ones((len(images), 1), np.float32)
    weights = case.get(LiveWeights)
    assert weights.live == np.mean(case.validation.labels == 1)


def test_a_fixed_model_repeats_its_predictions(case):
    assert case.get(Repeatability) == Repeatability(0.0, False, None)


def test_flipped_predictions_and_the_gain_of_a_mean(case):
    steady, generator = case.program.predict, np.random.default_rng(0)

    def predict(images, training=False):
        outputs = steady(images)
        noise = generator.normal(0, 0.4, outputs.shape)
        return outputs + noise.astype(np.float32)

    case.program.predict = predict
    repeated = case.get(Repeatability)
    assert repeated.flipped > 0.2
    assert repeated.gain.low > 0.1


def test_whether_images_change_is_known_of_the_settings(context, scans):
    settings = {"validation_is_random": True}
    case = context(scans.train, scans.validation, settings=settings)
    assert case.get(Repeatability).other_images is True
