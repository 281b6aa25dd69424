"""A model that learns too much by heart, or is kept from learning."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from framework.diagnose import surgery
from framework.diagnose.change import CannotChangeError, Change
from framework.diagnose.detector import Measures
from framework.diagnose.finding import Evidence, Finding, Remedy
from framework.diagnose.repair import FLOOR, Repairs, is_gain, status
from framework.diagnose.subject import Subject
from framework.numerics.intervals import Estimate, mcnemar, paired_difference

# Healthy networks learn all training images by heart as well: small gaps say nothing.
_GAP, _WIDE, _BY_HEART = 0.10, 0.15, 0.95
_LEVEL, _SHIFTED = 0.05, 0.05
_LEARNT = 0.95
# No regularizer makes up for all images that are missing.
_ENOUGH = 0.05
_DROPOUT = 0.55
_DROP, _DECAY = 0.3, 1e-2
_CLEAN = "evaluation mode, no augmentation"
# Where one of these is the case, validation is behind for that reason.
_OTHER_GAPS = {
    *("preprocessing_mismatch", "split_artifact", "distribution_shift"),
    *("random_validation", "stale_evaluation_weights", "homogeneous_training_data"),
    *("label_noise", "class_imbalance"),
}
# What most images stay the same under; a mirrored digit is none, a photograph is one.
AUGMENT, FLIP = "rotate(10) + shift(.1) + zoom(.1)", " + flip"


def measure(subject: Subject) -> dict[str, Any]:
    """Measures what the model has learnt, and what holds it back."""
    model = subject.program.model
    rates = [
        float(layer.rate)
        for layer in surgery.leaves(model)
        if "ropout" in type(layer).__name__ and hasattr(layer, "rate")
    ]
    kernels = surgery.with_weights(model)
    hidden = [int(layer.kernel.shape[-1]) for layer in kernels[:-1]]
    best = max(subject.predictions, key=lambda each: np.mean(_right(each)))
    last = subject.predictions[-1]
    return {
        "fit/dropout": max(rates, default=0.0),
        "fit/penalty": max(map(subject.program.penalty, (True, False))),
        "fit/narrowest": min(hidden, default=subject.num_classes),
        "fit/parameters": int(model.count_params()),
        "fit/train": float(subject.rows[-1].get("train/accuracy", np.nan)),
        "fit/fallen": paired_difference(_right(best), _right(last)),
        "fit/fallen_p": _p_fallen(best, last) * len(subject.predictions),
        "fit/augment": subject.settings.get("augment", "") or _random(model),
        "fit/images": subject.train.images.ndim == 4,
        "fit/colors": subject.train.images.shape[-1] == 3,
    }


def _random(model: Any) -> str:
    """Returns which layers change images at random."""
    return ", ".join(type(layer).__name__ for layer in surgery.randomizing(model))


def _p_fallen(best, last) -> float:
    """Returns the p of McNemar's test of two evaluations of the same images."""
    better, worse = _right(best), _right(last)
    return mcnemar(int(np.sum(better & ~worse)), int(np.sum(worse & ~better)))


def _right(predictions) -> np.ndarray:
    return predictions.predicted == predictions.labels


def over_regularized(measures: Measures) -> Finding | None:
    """Fires where training images are not learnt, and something keeps them from it."""
    clean = measures["clean/accuracy"]
    if clean.low > _LEARNT:
        return None
    reasons = []
    if measures["fit/dropout"] >= _DROPOUT:
        reasons.append(f"dropout of {measures['fit/dropout']:g}")
    loss = measures["clean/loss"]
    if measures["fit/penalty"] > loss:
        reasons.append(f"a penalty of weights of {measures['fit/penalty']:.3g}")
    settings = measures["settings"]
    decay = settings.get("weight_decay", 0.0)
    steps = settings["epochs"] * settings["steps_per_epoch"]
    if decay * settings["learning_rate"] * steps > 3:
        reasons.append(f"weight decay of {decay:g}")
    behind = clean.value - measures["fit/train"]
    stuck = clean.value < measures["clean/majority"] + _GAP
    if measures["fit/augment"] and (behind > _GAP or stuck):
        reasons.append(f"augmentation {measures['fit/augment']}")
    if not reasons:
        return None
    return Finding(
        cause="over_regularized",
        status="suspected",
        message=(
            f"only {clean.value:.1%} of the training images are learnt, and there is "
            f"{' and '.join(reasons)}"
        ),
        evidence=(
            Evidence("accuracy on training images", clean, f"below {_LEARNT}", _CLEAN),
            Evidence(
                "highest dropout",
                measures["fit/dropout"],
                f"{_DROPOUT} or more",
                "our own choice",
            ),
            Evidence(
                "penalty of weights",
                measures["fit/penalty"],
                f"above the loss of the images, {loss:.3g}",
                "TheDeepChecker compares their gradients so",
            ),
        ),
        remedy=Remedy("weaken it: dropout .2, weight decay 1e-4, less augmentation"),
        refute="training without it, and reaching no more",
    )


def overfitting(measures: Measures) -> Finding | None:
    """Fires where training images are learnt by heart, and others are not."""
    if _OTHER_GAPS & measures.confirmed:
        return None
    dev = measures.get("dev/accuracy", measures["validation/accuracy"])
    clean, fallen = measures["clean/accuracy"].value, measures["fit/fallen"]
    # Of what was trained on nothing else is to be known: only the others are a sample.
    gap = Estimate(clean - dev.value, clean - dev.high, clean - dev.low)
    if gap.low <= _GAP and not (_has_fallen(measures) and gap.value > _GAP):
        return None
    gain = measures.get("overfitting/gain")
    found = status(gain, measures.get("overfitting/floor", FLOOR))
    cost, by_heart = gain, gap.low > _WIDE and clean > _BY_HEART
    if found == "falsified" and by_heart and not _is_other(measures):
        # Of a gap so wide there is no doubt, though more images alone may close it.
        found, cost = "confirmed", gap
    return Finding(
        cause="overfitting",
        status=found,
        message=(
            f"{clean:.1%} of the training images are right, but {dev.value:.1%} of "
            f"those that were not trained on"
        ),
        evidence=(
            Evidence(
                "gap of training images and others",
                gap,
                f"for certain above {_GAP}; decisive above {_WIDE}",
                _CLEAN,
            ),
            Evidence(
                "fall of validation accuracy since its best",
                fallen,
                f"3 % or more; p = {measures['fit/fallen_p']:.2g}, below {_LEVEL}",
                "McNemar, times the number of evaluations of which that is the best",
            ),
            *_tried(gain),
        ),
        remedy=_remedy(measures),
        refute="training with that, and reaching no more",
        cost=cost,
    )


def _is_other(measures: Measures) -> bool:
    """Returns whether validation images are of another kind, or not to be told."""
    chance = max(measures["validation/majority"], 1 / measures["classes"])
    if measures["validation/accuracy"].low <= chance:
        # More images would not help where labels say nothing about them.
        return True
    # A probe that learnt nothing by heart is behind in validation as well.
    loss = measures.get("shift/probe_loss")
    return loss is not None and loss.low > _SHIFTED


def _has_fallen(measures: Measures) -> bool:
    # The best of many evaluations is better than the last by chance as well.
    return is_gain(measures["fit/fallen"]) and measures["fit/fallen_p"] < _LEVEL


def regularize(repairs: Repairs, measures: Measures) -> dict[str, Any]:
    """Tries what is not in place yet against overfitting."""
    if _has_fallen(measures):
        return {"overfitting/gain": measures["fit/fallen"], "overfitting/floor": FLOOR}
    if repairs.gap <= _GAP:
        # What has been mended so far has closed it.
        return {}
    # What is kept from learning by heart takes longer: as long as can be paid for.
    share = next((each for each in (3.0, 2.0, 1.0) if repairs.can_afford(each)), 0.0)
    if not share:
        return {}
    change = _against_overfitting(measures)
    try:
        branch = repairs.attempt("overfitting", change, share=share)
    except CannotChangeError:
        # Not every model has a place for dropout.
        change = dataclasses.replace(change, dropout=None, weight_decay=_DECAY)
        try:
            branch = repairs.attempt("overfitting", change, share=share)
        except CannotChangeError:
            return {}
    gain = repairs.gain(branch)
    floor = min(repairs.floor, _ENOUGH)
    if is_gain(gain, floor):
        repairs.accept(branch, change)
    return {"overfitting/gain": gain, "overfitting/floor": floor}


def _tried(gain: Estimate | None) -> tuple[Evidence, ...]:
    if gain is None:
        return ()
    return (
        Evidence(
            "gain in validation accuracy once regularized",
            gain,
            "the interval above 0, and enough",
            "trained anew, or stopped at the best epoch",
        ),
    )


def _remedy(measures: Measures) -> Remedy:
    """Returns what is not in place yet, in words and as flags."""
    change = _against_overfitting(measures)
    words, flags = [], []
    if change.augment:
        words.append("augment")
        flags.append(f"--augment={change.augment}")
    if change.dropout:
        words.append(f"add dropout of {change.dropout:g}")
    if change.weight_decay:
        words.append(f"add weight decay of {change.weight_decay:g}")
    if not measures["settings"].get("early_stopping"):
        words.append("stop at the best epoch")
        flags.append("--early_stopping=5")
    return Remedy(f"{', '.join(words)}, or collect more images", tuple(flags))


def _against_overfitting(measures: Measures) -> Change:
    """Returns what is not in place yet."""
    change = Change()
    if measures["fit/dropout"] < _DROP:
        change |= Change(dropout=_DROP)
    if measures["fit/images"] and not measures["fit/augment"]:
        change |= Change(augment=AUGMENT + (FLIP if measures["fit/colors"] else ""))
    return change if change.differences() else Change(weight_decay=_DECAY)


def free(measures: Measures) -> Change:
    """Returns a change that takes away what keeps a model from learning."""
    augment = "" if measures["fit/augment"] else None
    return Change(dropout=0.0, weight_decay=0.0, augment=augment)
