"""Tests of framework/diagnose/checks/evaluation/random_validation.py."""

import pytest

from framework.diagnose.checks.evaluation.random_validation import RandomValidation
from framework.diagnose.measure.reported import Repeatability
from framework.numerics.intervals import Estimate

_GAIN = Estimate(0.2, 0.1, 0.3)


@pytest.fixture
def check(judged):
    """Returns the finding for two evaluations of the same weights."""

    def run(flipped, other_images=False, gain=None):
        return judged(RandomValidation(), Repeatability(flipped, other_images, gain))

    return run


def test_confirmed_where_the_model_is_random_in_evaluation(check):
    finding = check(0.3, gain=_GAIN)
    assert (finding.cause.name, finding.status) == ("random_validation", "confirmed")
    assert finding.cost == _GAIN
    assert finding.message == (
        "evaluating the same weights twice changes 30.0% of the predictions: the model "
        "is random in evaluation mode as well"
    )
    (evidence,) = finding.evidence
    assert (evidence.value, str(evidence.threshold)) == (0.3, "above 0.001")


def test_confirmed_where_validation_images_change(check):
    finding = check(0.0, other_images=True)
    assert finding.status == "confirmed"
    assert finding.cost is None
    assert finding.message == (
        "two passes through the validation data give other images: they are changed at "
        "random, as only training images should be"
    )


def test_data_that_are_divided_anew_in_each_pass_have_another_remedy(judged):
    finding = judged(RandomValidation(), Repeatability(0.0, True, None, True))
    assert finding.status == "confirmed"
    assert "were training images in the first" in finding.message
    assert "reshuffle_each_iteration=False" in finding.remedy.text
    assert "augmentation" not in finding.remedy.text


@pytest.mark.parametrize(
    ("flipped", "gain"),
    [
        (0.0, None),
        # Kernels that add up in another order.
        (0.001, None),
        # Trap H26: dropout left on on purpose; it costs nothing.
        (0.3, Estimate(0.01, -0.01, 0.03)),
        (0.3, Estimate(0.02, 0.01, 0.03)),
    ],
)
def test_silent_where_randomness_costs_nothing(check, flipped, gain):
    assert check(flipped, gain=gain) is None
