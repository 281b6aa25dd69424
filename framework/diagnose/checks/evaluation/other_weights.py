"""Whether the reported metrics are those of other weights, or of training mode."""

from __future__ import annotations

import numpy as np

from framework.diagnose.checks.evaluation.metric_bug import (
    MetricBug,
    evaluates_other_weights,
)
from framework.diagnose.core.decision import MINIMUM_GAIN
from framework.diagnose.core.measurement import Measurements
from framework.diagnose.measure.cross_evaluation import CrossEvaluation
from framework.diagnose.measure.reported import ReportedMetrics
from framework.numerics.intervals import Estimate, paired_difference


def are_reported(metrics: ReportedMetrics) -> bool:
    """Returns whether reported accuracy and loss are both worse than counted ones."""
    if metrics.accuracy is None:
        return False
    least = max(MINIMUM_GAIN, 1 / metrics.examples**0.5)
    tolerance, rounding = MetricBug.loss_tolerance, MetricBug.rounding
    return metrics.counted_accuracy - metrics.accuracy > least and (
        evaluates_other_weights(metrics, True, tolerance, rounding)
    )


def are_in_training_mode(measured: Measurements, metrics: ReportedMetrics) -> bool:
    """Returns whether the reported accuracy is that of training mode."""
    evaluation = measured.find(CrossEvaluation)
    if evaluation is None or metrics.accuracy is None:
        return False
    training = evaluation.accuracy("validation", mode="training")
    if training is None:
        return False
    return training.low <= metrics.accuracy <= training.high


def shortfall(metrics: ReportedMetrics) -> Estimate:
    """Returns how much lower the reported accuracy is than the counted one."""
    total = metrics.examples
    reported = metrics.accuracy or 0.0
    places = np.arange(total)
    return paired_difference(
        places < round(metrics.counted_accuracy * total),
        places < round(reported * total),
    )
