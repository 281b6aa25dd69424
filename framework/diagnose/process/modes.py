"""A model that is another one in training than in evaluation."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.diagnose import outputs
from framework.diagnose.change import CannotChangeError, Change
from framework.diagnose.detector import Measures
from framework.diagnose.finding import Evidence, Finding, Remedy
from framework.diagnose.repair import is_gain
from framework.diagnose.subject import Subject
from framework.numerics.intervals import paired_difference

_MODES = 0.10


def measure(subject: Subject) -> dict[str, Any]:
    """Measures accuracy in either mode, and with statistics of batch norm anew."""
    found = {
        "modes/drop": paired_difference(
            subject.right("train", training=True), subject.right("train")
        ),
        "modes/still": _still(subject),
    }
    try:
        again = subject.program.ask_reestimated(
            subject.validation.images, subject.train.images
        )
    except CannotChangeError:
        return found
    right = outputs.predicted(again) == subject.validation.labels
    return found | {"modes/gain": paired_difference(right, subject.right("validation"))}


def _still(subject: Subject) -> list[str]:
    """Returns moving statistics that are what they were before the first step."""
    first, now = (subject.program.weights(fresh) for fresh in (True, False))
    return [
        name
        for name, value in now.items()
        if name.endswith(("moving_mean", "moving_variance"))
        and np.array_equal(value, first[name])
    ]


def train_eval_mismatch(measures: Measures) -> Finding | None:
    """Fires where batch norm's statistics are not those of the images."""
    gain, drop = measures["modes/gain"], measures["modes/drop"]
    if not is_gain(gain):
        return None
    return Finding(
        cause="train_eval_mismatch",
        status="confirmed",
        message=(
            f"with statistics of batch norm taken anew, and the same weights, "
            f"validation accuracy is {gain.value:+.1%}: the moving ones are not those "
            f"of the images"
        ),
        evidence=(
            Evidence(
                "gain in validation accuracy by statistics taken anew",
                gain,
                "the interval above 0, and 3 % or more",
                "forward passes over training images; no weight changes",
            ),
            Evidence(
                "accuracy on training images in training mode, above evaluation mode",
                drop,
                f"above {_MODES}",
                "the same images",
            ),
        ),
        remedy=Remedy(
            "call the model with training=True in the step, and give batch norm a "
            "momentum whose memory, 1 / (1 - momentum) steps, is shorter than the run"
        ),
        refute="statistics taken anew, and no gain",
        cost=gain,
    )


def never_in_training_mode(measures: Measures) -> Finding | None:
    """Fires where batch norm's statistics have never been updated."""
    still = measures["modes/still"]
    if not still:
        return None
    return Finding(
        cause="train_eval_mismatch",
        status="suspected",
        message=(
            f"training has left {len(still)} moving statistics of batch norm as they "
            f"were before the first step: steps call the model in evaluation mode"
        ),
        evidence=(
            Evidence(
                "moving statistics that have never changed",
                float(len(still)),
                "above 0",
                "compared with those before the first step",
            ),
        ),
        remedy=Remedy("call the model with training=True in the step"),
        refute="training in training mode, and reaching no more",
    )


def by_plain_steps(measures: Measures) -> Change:
    """Returns a change to Keras's own step, which trains in training mode."""
    del measures
    return Change(plain_step=True)
