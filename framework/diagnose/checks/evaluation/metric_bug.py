"""The accuracy metric is wrong."""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar

from framework.diagnose.core.check import Check, Phase, Suspicion
from framework.diagnose.core.finding import Evidence
from framework.diagnose.core.measurement import Measurements
from framework.diagnose.measure.reported import ReportedMetrics


@dataclasses.dataclass(frozen=True)
class MetricBug(Check):
    """Compares the reported accuracy with a count of the predictions.

    Why it matters:
        A metric that is never reset, or compares the wrong axis, is flat while the
        model learns.
    Evidence:
        The reported accuracy, the counted one, and the mean of all counted ones.
    How it is decided:
        By the count. If the reported loss differs from the counted one in the same
        direction, other weights were evaluated, and the metric is not to blame.
    Remedy:
        Reset the metric, and count the examples whose highest output is the label's.
    Sources:
        `keras.metrics.Metric.reset_state`; forum reports of metrics never reset.

    Attributes:
        rounding: Accuracies are float32 means; no further from the count.
        loss_tolerance: A reported loss may contain what is not of the examples, up to
            this fraction.
        mean_tolerance: A reported accuracy this near to the mean of all evaluations, in
            its distance from the count, is that mean.
    """

    cause_name: ClassVar[str] = "metric_bug"
    phase: ClassVar[Phase] = Phase.EVALUATION
    rounding: float = 1e-4
    loss_tolerance: float = 0.05
    mean_tolerance: float = 0.2

    def suspect(self, measured: Measurements) -> Suspicion | None:
        """See base class."""
        metrics = measured.get(ReportedMetrics)
        if metrics.accuracy is None:
            return None
        reported, counted = metrics.accuracy, metrics.counted_accuracy
        distance = abs(reported - counted)
        if distance <= 1 / metrics.examples + self.rounding:
            return None
        is_mean = abs(reported - metrics.mean_so_far) < self.mean_tolerance * distance
        if not is_mean and evaluates_other_weights(
            metrics, reported < counted, self.loss_tolerance, self.rounding
        ):
            return None
        why = ""
        if is_mean:
            why = ": it is the mean of all evaluations so far; the metric is not reset"
        return Suspicion(
            is_certain=True,
            message=(
                f"the reported validation accuracy is {reported:.1%}, but "
                f"{counted:.1%} of the predictions are right{why}"
            ),
            evidence=(
                Evidence("reported accuracy", reported, "", "the last evaluation"),
                Evidence(
                    "counted accuracy",
                    counted,
                    f"no further than 1 of {metrics.examples:,} from it",
                    "predictions compared with labels in NumPy",
                ),
                Evidence(
                    "mean of all evaluations",
                    metrics.mean_so_far,
                    "",
                    "a metric never reset",
                ),
            ),
            advice=(
                "reset the metric at the start of each evaluation, and let it count "
                "the examples whose highest output is the label's"
            ),
            code=(
                "metric.reset_state()  # at the start of each evaluation",
                "outputs = model(x_validation, training=False)",
                "metric.update_state(y_validation, outputs)",
            ),
            refute="the same count by other code that gives the reported number",
        )


def evaluates_other_weights(
    metrics: ReportedMetrics, is_worse: bool, tolerance: float, rounding: float
) -> bool:
    """Returns whether the reported loss is that of other weights as well.

    Weights that are worse have a higher loss, and a lower accuracy.
    """
    loss, own = metrics.loss, metrics.counted_loss
    if loss is None or abs(loss - own) <= tolerance * abs(own) + rounding:
        return False
    return not math.isfinite(loss) or (loss > own) == is_worse
