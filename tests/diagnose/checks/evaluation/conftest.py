"""Reported metrics and weights, with defaults."""

import numpy as np
import pytest

from framework.diagnose.measure.cross_evaluation import Cell, CrossEvaluation
from framework.diagnose.measure.reported import LiveWeights, ReportedMetrics
from framework.numerics.intervals import paired_difference, proportion


def make_reported(**changes):
    """Returns metrics that are reported as they are counted; `changes` replace some."""
    fields = {
        "examples": 1000,
        "accuracy": 0.8,
        "loss": 0.5,
        "counted_accuracy": 0.8,
        "counted_loss": 0.5,
        "mean_so_far": 0.6,
    }
    return ReportedMetrics(**{**fields, **changes})


def make_weights(evaluated=800, live=800):
    """Returns weights that are right about these numbers of the same 1,000 images."""
    places = np.arange(1000)
    gain = paired_difference(places < live, places < evaluated)
    return LiveWeights(evaluated / 1000, live / 1000, gain)


def make_training_mode(correct):
    """Returns a cross-evaluation with this many of 1,000 right in training mode."""
    cell = Cell("validation", "own", "training", proportion(correct, 1000))
    return CrossEvaluation((cell,))


@pytest.fixture(scope="session")
def reported():
    """Makes `ReportedMetrics`: `reported(**fields)`."""
    return make_reported


@pytest.fixture(scope="session")
def weights():
    """Makes `LiveWeights`: `weights(evaluated=800, live=800)`."""
    return make_weights


@pytest.fixture(scope="session")
def training_mode():
    """Makes `CrossEvaluation`: `training_mode(correct)`."""
    return make_training_mode
