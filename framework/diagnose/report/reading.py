"""An interpretation of the accuracies on all sets of images, in a sentence."""

from __future__ import annotations

from framework.diagnose.measure.accuracy import Accuracy
from framework.numerics.intervals import Estimate

_HIGH, _NEAR = 0.9, 0.03
# Predictions of one class are a symptom, whose cause is looked for.
_COLLAPSED = 0.95


def reading(accuracy: Accuracy) -> str:
    """Returns the accuracies from training to validation, and what they mean."""
    clean, validation = accuracy.train_clean, accuracy.validation
    dev = accuracy.train_dev
    chain = f"training images {clean.accuracy.value:.1%}"
    if dev is not None:
        chain += f", held out of training {dev.accuracy.value:.1%}"
    chain += f", validation {validation.accuracy.value:.1%}"
    meaning = _meaning(
        clean.accuracy,
        dev.accuracy if dev else None,
        validation.accuracy,
        clean.majority,
    )
    fraction = validation.modal_fraction
    if fraction > _COLLAPSED > validation.majority:
        meaning += f"; {fraction:.0%} of the validation predictions are one class"
    return f"{chain}: {meaning}"


def _meaning(
    clean: Estimate, dev: Estimate | None, validation: Estimate, majority: float
) -> str:
    if clean.low <= majority:
        return "not even the training images are learnt"
    if clean.value - validation.value <= _NEAR:
        if clean.value < _HIGH:
            return "all images equally well, but none well enough: it learns too little"
        return "all images equally well"
    if dev is None:
        return "what was learnt does not hold for the validation images"
    if dev.value - validation.value > max(_NEAR, clean.value - dev.value):
        return "it holds for images like those of training: validation is different"
    return "it was memorized, and does not hold for any other images"
