"""Tests of framework/diagnose/process/modes.py."""

import numpy as np
from framework.diagnose.change import CannotChangeError
from framework.diagnose.detector import Measures
from framework.diagnose.process import modes
from framework.diagnose.process.modes import (
    never_in_training_mode,
    train_eval_mismatch,
)

from framework.numerics.intervals import Estimate

_NO_GAIN = Estimate(0.0, -0.02, 0.02)
_GAIN = Estimate(0.2, 0.1, 0.3)


def measures(changes=None):
    usual = {"modes/gain": _NO_GAIN, "modes/drop": _NO_GAIN, "modes/still": []}
    return Measures(usual | (changes or {}))


def test_batch_norm_whose_statistics_are_others():
    found = train_eval_mismatch(measures({"modes/gain": _GAIN, "modes/drop": _GAIN}))
    assert (found.cause, found.status) == ("train_eval_mismatch", "confirmed")
    assert found.cost == _GAIN
    assert found.message == (
        "with statistics of batch norm taken anew, and the same weights, validation "
        "accuracy is +20.0%: the moving ones are not those of the images"
    )
    assert [(e.value, e.threshold) for e in found.evidence] == [
        (_GAIN, "the interval above 0, and 3 % or more"),
        (_GAIN, "above 0.1"),
    ]


def test_silent_where_anew_is_no_better():
    """Trap H27: batch norm as it should be, whatever training mode does."""
    assert train_eval_mismatch(measures({"modes/drop": _GAIN})) is None


def test_statistics_that_were_never_updated():
    assert never_in_training_mode(measures()) is None
    names = ["norm/moving_mean", "norm/moving_variance"]
    found = never_in_training_mode(measures({"modes/still": names}))
    assert (found.cause, found.status) == ("train_eval_mismatch", "suspected")
    assert found.message == (
        "training has left 2 moving statistics of batch norm as they were before the "
        "first step: steps call the model in evaluation mode"
    )
    (evidence,) = found.evidence
    assert (evidence.value, evidence.threshold) == (2.0, "above 0")
    change = modes.by_plain_steps(measures())
    assert change.differences() == {"plain_step": True}


class Program:
    """What it says in either mode, and once re-estimated, is given."""

    def __init__(self, said, again):
        self.said, self.again = said, again

    def ask(self, images, training=False):
        return self.said(images, training)

    def weights(self, fresh):
        # One of two moving statistics has never been updated.
        return {
            "norm/gamma": np.ones(2),
            "norm/moving_mean": np.zeros(2),
            "norm/moving_variance": np.ones(2) + fresh,
        }

    def ask_reestimated(self, images, train):
        if self.again is None:
            raise CannotChangeError
        return self.again(images)


def measured(subject, scans, again=None):
    labels = scans.validation.labels

    def said(images, training):
        right = scans.train.labels if len(images) != len(labels) else labels
        return np.eye(10, dtype=np.float32)[(right + (1 if training else 0)) % 10]

    program = Program(said, again)
    return modes.measure(subject(scans.train, scans.validation, program=program))


def test_measures_both_modes(subject, scans):
    found = measured(subject, scans)
    # In training mode all is wrong.
    assert found["modes/drop"].value == -1.0
    assert "modes/gain" not in found
    assert found["modes/still"] == ["norm/moving_mean"]


def test_measures_statistics_taken_anew(subject, scans):
    labels = scans.validation.labels
    wrong = np.eye(10, dtype=np.float32)[(labels + 1) % 10]
    found = measured(subject, scans, again=lambda images: wrong)
    assert found["modes/gain"].value == -1.0
