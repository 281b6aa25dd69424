"""The accuracy that is reported, and the one that predictions and labels give."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from framework.diagnose import outputs
from framework.diagnose.detector import Measures
from framework.diagnose.finding import Evidence, Finding, Remedy
from framework.diagnose.repair import FLOOR, is_gain
from framework.diagnose.subject import Subject
from framework.numerics.intervals import Estimate, paired_difference

# A reported loss may contain what is not of the examples; but no more than this.
_LOSS_TOLERANCE = 0.05
# Accuracies are float32 means.
_ROUNDING = 1e-4


def measure(subject: Subject) -> dict[str, Any]:
    """Returns accuracy and loss of the last evaluation, as reported and counted anew.

    "reported/mean_so_far" is the mean of the counted accuracies so far, which is what a
    metric that is never reset reports; "live/..." is which images are right, bool [N],
    by the weights that are evaluated, and by those that are trained.
    """
    row = subject.rows[-1]
    counted = [float(np.mean(_right(each))) for each in subject.predictions]
    live = subject.program.ask_live(subject.validation.images)
    labels = subject.validation.labels
    loss = subject.program.loss(labels, live) + subject.program.penalty(fresh=False)
    found = {
        "reported/loss": row.get("validation/loss"),
        "reported/counted": counted[-1],
        "reported/mean_so_far": float(np.mean(counted)),
        "reported/examples": len(subject.predictions[-1]),
        "reported/counted_loss": loss,
        "live/evaluated": subject.right("validation"),
        "live/trained": outputs.predicted(live) == labels,
    }
    if "validation/accuracy" in row:
        found["reported/accuracy"] = row["validation/accuracy"]
    return found


def _right(predictions) -> np.ndarray:
    return predictions.predicted == predictions.labels


def metric_bug(measures: Measures) -> Finding | None:
    """Fires where the reported accuracy is not that of the reported weights."""
    said, counted = measures["reported/accuracy"], measures["reported/counted"]
    if abs(said - counted) <= 1 / measures["reported/examples"] + _ROUNDING:
        return None
    mean = measures["reported/mean_so_far"]
    never_reset = abs(said - mean) < 0.2 * abs(said - counted)
    if not never_reset and _may_be_other_weights(measures, said < counted):
        return None
    why = ""
    if never_reset:
        why = ": it is the mean of all evaluations so far, so the metric is never reset"
    return Finding(
        cause="metric_bug",
        status="confirmed",
        message=(
            f"the reported validation accuracy is {said:.1%}, but {counted:.1%} of the "
            f"predictions are right{why}"
        ),
        evidence=(
            Evidence("reported accuracy", said, "", "the last evaluation"),
            Evidence(
                "counted accuracy",
                counted,
                f"no further than 1 of {measures['reported/examples']:,} from it",
                "predictions compared with labels in numpy",
            ),
            Evidence("mean of all evaluations", mean, "", "a metric never reset"),
        ),
        remedy=Remedy(
            "reset the metric at the start of each evaluation, and let it count the "
            "examples whose highest output is the label's"
        ),
        refute="the same count by other code that gives the reported number",
    )


def _may_be_other_weights(measures: Measures, is_worse: bool) -> bool:
    """Returns whether the loss that is reported is another one as well.

    Weights that are worse have a higher loss, and a lower accuracy.
    """
    loss, own = measures["reported/loss"], measures["reported/counted_loss"]
    if loss is None or abs(loss - own) <= _LOSS_TOLERANCE * abs(own) + _ROUNDING:
        return False
    return not math.isfinite(loss) or (loss > own) == is_worse


def stale_evaluation_weights(measures: Measures) -> Finding | None:
    """Fires where the weights in training are better than those that are evaluated."""
    evaluated, trained = measures["live/evaluated"], measures["live/trained"]
    gain = paired_difference(trained, evaluated)
    said, counted = measures.get("reported/accuracy"), measures["reported/counted"]
    if is_gain(gain):
        message = (
            f"the weights that are evaluated are right in {np.mean(evaluated):.1%}, "
            f"those that are trained in {np.mean(trained):.1%}"
        )
    elif said is not None and _reports_other_weights(measures, said, counted):
        if _is_as_in_training(measures, said):
            return None
        gain = _shortfall(measures, said, counted)
        message = (
            f"the evaluation reports an accuracy of {said:.1%} and a loss of "
            f"{measures['reported/loss']:.3g}; the trained weights have {counted:.1%} "
            f"and {measures['reported/counted_loss']:.3g}: it looks at other weights"
        )
    else:
        return None
    return Finding(
        cause="stale_evaluation_weights",
        status="confirmed",
        message=message,
        evidence=(
            Evidence(
                "accuracy of the trained weights, above that of the evaluated ones",
                gain,
                "the interval above 0, and 3 % or more",
                "both asked about the same images",
            ),
        ),
        remedy=Remedy(
            "evaluate the weights that are trained; an average of weights needs a "
            "decay whose memory, 1 / (1 - decay) steps, is far shorter than the run",
            ("--ema=0",),
        ),
        refute="an evaluation of the trained weights that is no better",
        cost=gain,
    )


def _reports_other_weights(measures: Measures, said: float, counted: float) -> bool:
    least = max(FLOOR, 1 / measures["reported/examples"] ** 0.5)
    return counted - said > least and _may_be_other_weights(measures, is_worse=True)


def _is_as_in_training(measures: Measures, said: float) -> bool:
    training = measures.get("matrix/validation/own/training")
    return training is not None and training.low <= said <= training.high


def evaluated_in_training_mode(measures: Measures) -> Finding | None:
    """Fires where what is reported is what the model says in training mode."""
    said, counted = measures["reported/accuracy"], measures["reported/counted"]
    if not _reports_other_weights(measures, said, counted):
        return None
    if not _is_as_in_training(measures, said):
        return None
    training = measures["matrix/validation/own/training"]
    return Finding(
        cause="train_eval_mismatch",
        status="confirmed",
        message=(
            f"the reported validation accuracy is {said:.1%}, as in training mode, but "
            f"{counted:.1%} of the images are right in evaluation mode"
        ),
        evidence=(
            Evidence("reported accuracy", said, "", "the last evaluation"),
            Evidence(
                "accuracy on validation images in training mode",
                training,
                "the reported one lies within",
                "the cross-evaluation matrix",
            ),
            Evidence(
                "accuracy in evaluation mode",
                counted,
                f"{FLOOR:.0%} or more above the reported one",
                "predictions compared with labels in numpy",
            ),
        ),
        remedy=Remedy("call the model with training=False in the evaluation step"),
        refute="an evaluation by model(x, training=False) that gives the same",
        cost=_shortfall(measures, said, counted),
    )


def _shortfall(measures: Measures, said: float, counted: float) -> Estimate:
    """Returns by how much the reported accuracy is lower than the counted one."""
    places = np.arange(measures["reported/examples"])
    total = len(places)
    return paired_difference(
        places < round(counted * total), places < round(said * total)
    )
