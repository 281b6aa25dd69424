"""Measurements of a usual training, and trials that are never run."""

import pytest

from framework.diagnose.core.decision import Decision
from framework.diagnose.measure.accuracy import Accuracy, SplitAccuracy
from framework.diagnose.measure.plateau import Plateau
from framework.diagnose.measure.step_sizes import StepSizes
from framework.numerics.intervals import Estimate, difference, proportion


class NoTrials:
    """Has no budget: what is suspected stays so."""

    is_done = has_accepted = False
    gap = 0.3
    whole = 3.0

    def __init__(self):
        self.applied = []

    def can_afford(self, count=1.0):
        return False

    def run(self, name, intervention, lengths=1.0):
        return Decision("suspected")

    def apply(self, name, intervention):
        self.applied.append(intervention.differences())
        return Decision("confirmed")


@pytest.fixture
def no_trials():
    """Trials without a budget."""
    return NoTrials()


def split_accuracy(accuracy, majority=0.1, loss=0.9):
    """Returns the accuracy of a split; of 1,000 images if given as a number."""
    if not isinstance(accuracy, Estimate):
        accuracy = proportion(accuracy, 1000)
    return SplitAccuracy(1000, accuracy, loss, 0.2, majority)


def make_accuracy(clean=700, validation=680, dev=None, **changes):
    """Returns accuracies, in correct images of 1,000; `majority` is of all splits."""
    train, other = (split_accuracy(each, **changes) for each in (clean, validation))
    held_out = None if dev is None else split_accuracy(dev, **changes)
    return Accuracy(
        classes=10,
        train_clean=train,
        train_dev=held_out,
        validation=other,
        training_mode=train.accuracy,
        gap=difference(train.accuracy, other.accuracy),
        gap_to_dev=None,
        gap_from_dev=None,
    )


@pytest.fixture(scope="session")
def accuracy():
    """Makes accuracies: `accuracy(clean=700, validation=680, dev=None)`."""
    return make_accuracy


@pytest.fixture(scope="session")
def plateau():
    """Makes what is known of a curve: `plateau(verdict, evaluations)`."""

    def make(verdict="static", evaluations=10):
        return Plateau(
            verdict=verdict,
            reason="",
            accuracy=proportion(680, 1000),
            evaluations=evaluations,
            window=5,
            change=0.08,
            p=0.0123,
            churn=0.0,
            p_pair=1.0,
            detectable=0.02,
            gap=None,
        )

    return make


@pytest.fixture(scope="session")
def steps():
    """Makes step sizes, usual ones but for the changes: `steps(**fields)`."""

    def make(**changes):
        fields = {
            "initial": changes.get("first", -2.3),
            "first": -2.3,
            "next": -2.8,
            "longest": -1.8,
            "first_overshoot": 0.1,
            "next_overshoot": 0.3,
            "has_diverged": False,
            "steps": 2000,
            "rate_left": 1.0,
            "is_annealed": False,
        }
        return StepSizes(**{**fields, **changes})

    return make
