"""Whether evaluating twice gives the same."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.diagnose import outputs
from framework.diagnose.detector import Measures
from framework.diagnose.finding import Evidence, Finding, Remedy
from framework.diagnose.repair import is_gain
from framework.diagnose.subject import Subject
from framework.numerics.intervals import paired_difference

# Kernels that add up in another order may flip an image that is on the edge.
_FLIPPED = 0.001
_TIMES = 8


def measure(subject: Subject) -> dict[str, Any]:
    """Returns how many predictions another evaluation changes, and what a mean does."""
    images, labels = subject.validation.images, subject.validation.labels
    first = subject.outputs("validation")
    flipped = np.mean(
        outputs.predicted(first) != outputs.predicted(subject.program.ask(images))
    )
    found = {
        "repeatable/flipped": float(flipped),
        "repeatable/other_images": subject.settings.get("validation_is_random", False),
    }
    if flipped > _FLIPPED:
        said = [outputs.log_probabilities(subject.program.ask(images))]
        said += [
            outputs.log_probabilities(subject.program.ask(images))
            for _ in range(_TIMES - 1)
        ]
        mean = np.exp(said).mean(axis=0).argmax(axis=1)
        found["repeatable/gain"] = paired_difference(
            mean == labels, outputs.predicted(first) == labels
        )
    return found


def random_validation(measures: Measures) -> Finding | None:
    """Fires where evaluating the same weights twice gives something else."""
    flipped = measures["repeatable/flipped"]
    if measures["repeatable/other_images"]:
        message = (
            "two passes through the validation data give other images: it is changed "
            "at random, as only training data should be"
        )
        gain = None
    elif flipped > _FLIPPED and is_gain(measures["repeatable/gain"]):
        # Dropout that is left on to average over it costs nothing, and is no fault.
        gain = measures["repeatable/gain"]
        message = (
            f"evaluating the same weights twice changes {flipped:.1%} of the "
            f"predictions: the model is random in evaluation mode as well"
        )
    else:
        return None
    return Finding(
        cause="random_validation",
        status="confirmed",
        message=message,
        evidence=(
            Evidence(
                "predictions that a second evaluation changes",
                flipped,
                f"above {_FLIPPED}",
                "the same weights asked twice",
            ),
        ),
        remedy=Remedy(
            "leave augmentation out of the validation pipeline, and call the model "
            "with training=False in evaluation"
        ),
        refute="two evaluations of the same weights that agree in every prediction",
        cost=gain,
    )
