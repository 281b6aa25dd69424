"""Tests of framework/diagnose/data/without.py."""

import types

import numpy as np
import pytest
from framework.diagnose.change import CannotChangeError
from framework.diagnose.data.without import train_without
from framework.diagnose.repair import Repairs


class Attempts(Repairs):
    """What training without some and its control are right about is given."""

    def __init__(self, subject, *rights, budget=1.0):
        super().__init__(subject, budget, lambda name: None)
        self.changes, self.given, self.accepted = [], list(rights), []

    def attempt(self, name, change, fresh=True, share=1.0):
        if not self.given:
            raise CannotChangeError
        self.changes.append(change)
        right = np.arange(len(self.subject.validation)) % 10 < self.given.pop(0)
        labels = self.subject.validation.labels
        return types.SimpleNamespace(predicted=np.where(right, labels, labels + 1))

    def accept(self, branch, change):
        self.accepted.append(change)


@pytest.fixture
def made(subject, scans):
    return subject(scans.train, scans.validation)


@pytest.fixture
def flagged(scans):
    return np.arange(len(scans.train)) % 5 == 0


@pytest.mark.parametrize(
    ("rights", "gain", "kept"), [((9, 7), 0.2, 1), ((7, 9), -0.2, 0)]
)
def test_leaves_out_some_or_as_many_of_the_same_classes(
    made, flagged, rights, gain, kept
):
    repairs = Attempts(made, *rights)
    found = train_without(repairs, "label_noise", flagged)
    assert found.value == pytest.approx(gain, abs=0.01)
    pruned, control = (change.train for change in repairs.changes)
    assert np.array_equal(np.bincount(pruned.labels), np.bincount(control.labels))
    assert len(pruned) == np.sum(~flagged)
    left = {image.tobytes() for image in made.train.images[~flagged]}
    assert all(image.tobytes() in left for image in pruned.images)
    assert len(repairs.accepted) == kept


def test_nothing_is_known_without_a_way(made, flagged):
    assert train_without(Attempts(made), "label_noise", flagged) is None
    assert train_without(Attempts(made, 9, 9), "leak", np.ones_like(flagged)) is None
    made.settings["steps_per_epoch"] = 10**6
    assert train_without(Attempts(made, 9, 9, budget=0.1), "leak", flagged) is None
