"""An interpretation of the accuracies on all sets of images, in a sentence."""

from __future__ import annotations

from framework.diagnose.measure.accuracy import Accuracy

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
    meaning = _meaning(accuracy)
    fraction = validation.modal_fraction
    if fraction > _COLLAPSED > validation.majority:
        meaning += f"; {fraction:.0%} of the validation predictions are one class"
    return f"{chain}: {meaning}"


def _meaning(accuracy: Accuracy) -> str:
    clean = accuracy.train_clean
    if clean.accuracy.low <= clean.majority:
        return "not even the training images are learnt"
    if accuracy.gap.value <= _NEAR:
        if clean.accuracy.value < _HIGH:
            return "all images equally well, but none well enough: it learns too little"
        return "all images equally well"
    to_dev, from_dev = accuracy.gap_to_dev, accuracy.gap_from_dev
    if to_dev is None or from_dev is None:
        return "what was learnt does not hold for the validation images"
    # Only a difference that the images can show is one.
    if from_dev.low > 0 and from_dev.value > max(_NEAR, to_dev.value):
        return "it holds for images like those of training: validation is different"
    if to_dev.low > 0 and to_dev.value >= from_dev.value:
        return "it was memorized, and does not hold for any other images"
    count = accuracy.train_dev.images if accuracy.train_dev else 0
    return (
        f"it does not hold for the validation images; {count:,} images held out of "
        f"training are too few to tell memory from different images"
    )
