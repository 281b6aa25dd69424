"""Tests of framework/prove/keras_arms.py."""

import numpy as np
import pytest

from framework.data.split import Split
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import NotApplicableError
from framework.diagnose.core.program import TrialResult
from framework.errors import RunError, UsageError
from framework.prove.keras_arms import KerasArms
from framework.prove.keras_plan import Training

IMAGES = np.zeros((4, 2), np.float32)
SPLITS = {
    "test": Split(IMAGES, np.array([0, 1, 1, 0], np.int32)),
    "validation": Split(IMAGES[:2], np.array([0, 1], np.int32)),
}
TRAININGS = {"unchanged": Training(Intervention(), 2.0, 40)}


class FakeProgram:
    """Predicts class 1 for all images, and 0 for the first of the second array."""

    def __init__(self):
        self.calls = []

    def train_anew(self, intervention, epochs, seed, images):
        self.calls.append((intervention, epochs, seed))
        if epochs == 0:
            raise NotApplicableError("it has no layers")
        ones = [np.ones(len(each), np.int64) for each in images]
        ones[1][0] = 0
        return TrialResult(ones[0], ones[1], epochs)


@pytest.fixture
def arms(planned, tmp_path):
    def arms(folder=tmp_path, plan=None, trainings=TRAININGS):
        program = FakeProgram()
        plan = plan or planned()
        return KerasArms(
            plan, trainings, program, SPLITS, folder, lambda line: None
        ), program

    return arms


def test_each_is_trained_once_and_judged(arms):
    made, program = arms(folder=None)
    made.train([("unchanged", 101), ("unchanged", 102)])
    made.train([("unchanged", 101)])
    assert [call[2] for call in program.calls] == [101, 102]
    outcome = made.outcome("unchanged", 101)
    assert outcome.values.tolist() == [0, 1, 1, 0]
    assert (outcome.validation, outcome.step) == (1.0, 40)


def test_a_folder_keeps_outcomes(arms):
    made, _ = arms()
    made.train([("unchanged", 101)])
    again, program = arms()
    again.train([("unchanged", 101), ("unchanged", 102)])
    assert [call[2] for call in program.calls] == [102]
    first, second = (each.outcome("unchanged", 101) for each in (made, again))
    np.testing.assert_array_equal(first.values, second.values)
    assert first.validation == second.validation


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"right": [9], "validation": 1, "step": 1, "seconds": 1}']
)
def test_a_damaged_outcome_is_refused(arms, tmp_path, text):
    made, _ = arms()
    made.train([("unchanged", 101)])
    (tmp_path / "unchanged-101" / "outcome.json").write_text(text)
    with pytest.raises(UsageError, match=r"is damaged .*delete it"):
        arms()[0].train([("unchanged", 101)])


def test_an_outcome_of_another_plan_is_refused(arms, planned):
    arms()[0].train([("unchanged", 101)])
    with pytest.raises(UsageError, match="is of another plan"):
        arms(plan=planned(seeds=3))[0].train([("unchanged", 101)])


def test_what_cannot_be_trained_is_said(arms):
    made, _ = arms(trainings={"overfitting": Training(Intervention(), 0.0, 0)})
    with pytest.raises(RunError, match="overfitting cannot be trained: it has no"):
        made.train([("overfitting", 101)])
