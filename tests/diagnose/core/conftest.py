"""Trials of a program whose accuracy is given."""

import types

import numpy as np
import pytest

from framework.diagnose.core.budget import Budget
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import NotApplicableError
from framework.diagnose.core.program import TrialResult
from framework.diagnose.core.trials import Trials
from framework.numerics.metrics import Predictions

_IMAGES = 1000


def correct(fraction, images=_IMAGES):
    return np.arange(images) < round(fraction * images)


class Program:
    """Reaches an accuracy that depends on the intervention; records all trials."""

    def __init__(self, reached, images):
        self.reached, self.images = reached, images
        self.trained, self.allowances = [], []

    def train(self, name, intervention, epochs, at_initialization, allowance=None):
        self.trained.append((name, intervention, epochs, at_initialization))
        self.allowances.append(allowance)
        fraction = self.reached(intervention)
        if fraction is None:
            raise NotApplicableError("it has no such layer")
        predicted = np.where(correct(fraction, self.images), 0, 1)
        return TrialResult(predicted, np.arange(4) // 2, epochs)

    def prolonged(self, trained, further):
        return Intervention(train_for_factor=(trained + further) / trained)


def predictions(fraction, images):
    wrong = np.where(correct(fraction, images), 0, 1)
    return Predictions(np.zeros(images, np.int64), wrong, wrong, wrong, wrong)


def make_trials(
    reached,
    accuracy=0.5,
    train_accuracy=0.9,
    epochs=300.0,
    per_epoch=100,
    budget=1.0,
    images=_IMAGES,
    progress=lambda line: None,
    curve=(),
    seconds=0.0,
):
    """Returns trials of a program that has reached an accuracy.

    `curve` has the accuracies of evaluations, the last at the end of the run.
    """
    fractions = {"validation": accuracy, "train": train_accuracy}
    context = types.SimpleNamespace(
        settings=types.SimpleNamespace(
            epochs=epochs, steps_per_epoch=per_epoch, config=None, seconds=seconds
        ),
        rows=[
            {"epoch": epochs * (place + 1) / len(curve)} for place in range(len(curve))
        ],
        predictions=[predictions(each, images) for each in curve],
        correct=lambda name: correct(fractions[name], images),
        train=types.SimpleNamespace(labels=np.zeros(4, np.int64)),
        validation=types.SimpleNamespace(labels=np.zeros(images, np.int64)),
        program=Program(reached, images),
    )
    return Trials(context, Budget.parse(budget), progress)


@pytest.fixture(scope="session")
def make():
    """Makes trials: `make(reached, **changes)`."""
    return make_trials
