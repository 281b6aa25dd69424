"""Tests of framework/diagnose/checks/evaluation/train_eval_mismatch.py."""

import pytest

from framework.diagnose.checks.evaluation.stale_evaluation_weights import (
    StaleEvaluationWeights,
)
from framework.diagnose.checks.evaluation.train_eval_mismatch import (
    BetterInTrainingMode,
    EvaluatedInTrainingMode,
    NeverInTrainingMode,
    WrongMovingStatistics,
)
from framework.diagnose.measure.train_eval_modes import (
    ReestimatedStatistics,
    TrainEvalModes,
    ValidationModes,
)
from framework.numerics.intervals import Estimate

_NO_GAIN = Estimate(0.0, -0.02, 0.02)
_GAIN = Estimate(0.2, 0.1, 0.3)


@pytest.mark.parametrize(
    ("correct", "cause"),
    [
        (620, "train_eval_mismatch"),
        (700, "stale_evaluation_weights"),
        (None, "stale_evaluation_weights"),
    ],
)
def test_the_reported_metrics_may_be_those_of_training_mode(
    judged, reported, weights, training_mode, correct, cause
):
    known = [reported(accuracy=0.6, loss=0.9), weights()]
    if correct is not None:
        known.append(training_mode(correct))
    checks = StaleEvaluationWeights(), EvaluatedInTrainingMode()
    results = [judged(check, *known) for check in checks]
    (finding,) = [each for each in results if each is not None]
    assert (finding.cause.name, finding.status) == (cause, "confirmed")
    assert finding.cost.value == pytest.approx(0.2)


def test_evidence_of_training_mode_in_evaluation(judged, reported, training_mode):
    check = EvaluatedInTrainingMode()
    finding = judged(check, reported(accuracy=0.6, loss=0.9), training_mode(620))
    assert finding.message == (
        "the reported validation accuracy is 60.0%, as in training mode, but 80.0% of "
        "the images are right in evaluation mode"
    )
    assert [str(each.threshold) for each in finding.evidence] == [
        "",
        "the reported one lies within",
        "3% or more above the reported one",
    ]
    assert judged(check, reported()) is None
    assert judged(check, reported(accuracy=None)) is None


def modes(drop=_NO_GAIN, unchanged=()):
    return TrainEvalModes(drop, unchanged)


def test_wrong_moving_statistics(judged):
    known = ReestimatedStatistics(_GAIN), modes(drop=_GAIN)
    finding = judged(WrongMovingStatistics(), *known)
    assert (finding.cause.name, finding.status) == ("train_eval_mismatch", "confirmed")
    assert finding.cost == _GAIN
    assert finding.message == (
        "with statistics of batch norm taken anew, and the same weights, validation "
        "accuracy is +20.0%: the moving ones are not those of the images"
    )
    assert [(each.value, str(each.threshold)) for each in finding.evidence] == [
        (_GAIN, "the interval above 0, and 3 points or more"),
        (_GAIN, "shown only"),
    ]


def test_silent_where_new_statistics_are_no_better(judged):
    """Trap H27: batch norm as it should be, whatever training mode does."""
    known = ReestimatedStatistics(_NO_GAIN), modes(drop=_GAIN)
    assert judged(WrongMovingStatistics(), *known) is None


def test_statistics_that_were_never_updated(judged):
    check = NeverInTrainingMode()
    assert judged(check, modes()) is None
    names = ("norm/moving_mean", "norm/moving_variance")
    finding = judged(check, modes(unchanged=names))
    assert (finding.cause.name, finding.status) == ("train_eval_mismatch", "suspected")
    assert finding.message == (
        "training has left 2 moving statistics of batch norm as they were before the "
        "first step: steps call the model in evaluation mode"
    )
    (evidence,) = finding.evidence
    assert (evidence.value, str(evidence.threshold)) == (2.0, "above 0")
    assert finding.remedy.intervention.differences() == {"keras_step": True}


@pytest.mark.parametrize(
    ("drop", "gain", "anew", "is_certain"),
    [
        (_GAIN, _GAIN, None, True),
        (_GAIN, _GAIN, _NO_GAIN, True),
        # Statistics taken anew say more.
        (_GAIN, _GAIN, _GAIN, False),
        # Validation images of another kind are better by their own moments.
        (_NO_GAIN, _GAIN, None, False),
        (_GAIN, _NO_GAIN, None, False),
    ],
)
def test_the_same_weights_in_the_other_mode_decide(
    judged, drop, gain, anew, is_certain
):
    known = [modes(drop, ("norm/moving_mean",)), ValidationModes(gain)]
    if anew is not None:
        known.append(ReestimatedStatistics(anew))
    finding = judged(BetterInTrainingMode(), *known)
    assert (finding is not None) is is_certain
    if finding:
        assert (finding.status, finding.cost) == ("confirmed", _GAIN)
        assert "1 of them are as before" in finding.message


def test_nothing_is_tried_once_the_other_mode_has_decided(measured):
    known = measured(modes(unchanged=("norm/moving_mean",)))
    assert NeverInTrainingMode().suspect(known) is not None
    known.confirmed.add("train_eval_mismatch")
    assert NeverInTrainingMode().suspect(known) is None
