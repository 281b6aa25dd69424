"""A model that learns too much by heart, is kept from learning, or is too small."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from framework.diagnose import outputs, surgery
from framework.diagnose.change import CannotChangeError, Change
from framework.diagnose.detector import Measures
from framework.diagnose.finding import Evidence, Finding, Remedy
from framework.diagnose.repair import FLOOR, Repairs, is_gain
from framework.diagnose.subject import Subject
from framework.statistics import Estimate, difference, paired_difference

# Networks that learn all training images by heart can still be right on 95 % of others
# (Zhang et al., 2017): smaller gaps say nothing.
_GAP = 0.10
_LEARNT = 0.95
_FITS = 0.85
# No regularizer makes up for all images that are missing.
_ENOUGH = 0.05
_DROPOUT = 0.55
_MODES = 0.10
_DROP, _DECAY = 0.3, 1e-2
# Where one of these is the case, validation is behind for that reason.
_OTHER_GAPS = {
    *("preprocessing_mismatch", "split_artifact", "distribution_shift"),
    *("random_validation", "stale_evaluation_weights", "homogeneous_training_data"),
    "label_noise",
}
# What most images stay the same under; a mirrored digit is none, a photograph is one.
AUGMENT, FLIP = "rotate(10) + shift(.1) + zoom(.1)", " + flip"


def measure(subject: Subject) -> dict[str, Any]:
    """Measures what holds the model back, and how it does in either mode."""
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
    found = {
        "fit/dropout": max(rates, default=0.0),
        "fit/penalty": max(map(subject.program.penalty, (True, False))),
        "fit/narrowest": min(hidden, default=subject.num_classes),
        "fit/parameters": int(model.count_params()),
        "fit/train": float(subject.rows[-1].get("train/accuracy", np.nan)),
        "fit/train_loss": float(subject.rows[-1].get("train/loss", np.nan)),
        "fit/fallen": paired_difference(_right(best), _right(last)),
        "fit/augment": subject.settings.get("augment", "") or _random(model),
        "fit/images": subject.train.images.ndim == 4,
        "fit/colors": subject.train.images.shape[-1] == 3,
        "modes/drop": _drop(subject),
        "modes/still": _still(subject),
    }
    try:
        again = subject.program.ask_reestimated(
            subject.validation.images, subject.train.images
        )
        right = outputs.predicted(again) == subject.validation.labels
        found["modes/gain"] = paired_difference(right, subject.right("validation"))
    except CannotChangeError:
        pass
    return found


def _random(model: Any) -> str:
    """Returns which layers change images at random."""
    return ", ".join(type(layer).__name__ for layer in surgery.randomizing(model))


def _right(predictions) -> np.ndarray:
    return predictions.predicted == predictions.labels


def _still(subject: Subject) -> list[str]:
    """Returns moving statistics that are what they were before the first step."""
    first, now = (subject.program.weights(fresh) for fresh in (True, False))
    return [
        name
        for name, value in now.items()
        if name.endswith(("moving_mean", "moving_variance"))
        and np.array_equal(value, first[name])
    ]


def _drop(subject: Subject):
    return paired_difference(
        subject.right("train", training=True), subject.right("train")
    )


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
    decay = measures["settings"].get("weight_decay", 0.0)
    if decay * measures["settings"]["learning_rate"] * measures["rate/steps"] > 3:
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
            Evidence("accuracy on training images", clean, f"below {_LEARNT}", "M1"),
            Evidence(
                "highest dropout",
                measures["fit/dropout"],
                f"{_DROPOUT} or more",
                "ours",
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
    gap = difference(measures["clean/accuracy"], dev)
    if (gap.value <= _GAP or gap.low <= 0) and not is_gain(measures["fit/fallen"]):
        return None
    gain = measures.get("overfitting/gain")
    status = "suspected"
    if gain is not None:
        enough = is_gain(gain, measures["overfitting/floor"])
        status = "confirmed" if enough else "falsified"
    fallen = measures["fit/fallen"]
    return Finding(
        cause="overfitting",
        status=status,
        message=(
            f"{measures['clean/accuracy'].value:.1%} of the training images are right, "
            f"but {dev.value:.1%} of those that were not trained on"
        ),
        evidence=(
            Evidence(
                "gap of training images and others",
                gap,
                f"above {_GAP}, the interval above 0",
                "evaluation mode, no augmentation",
            ),
            Evidence(
                "fall of validation accuracy since its best",
                fallen,
                "the interval above 0, and 3 % or more",
                "the predictions kept of each evaluation",
            ),
            *_tried(gain),
        ),
        remedy=Remedy(
            "augment, add dropout or weight decay, stop at the best epoch, or collect "
            "more images",
            ("--augment=rotate(10) + shift(.1) + zoom(.1)", "--early_stopping=5"),
        ),
        refute="training with augmentation and weight decay, and reaching no more",
        cost=gain,
    )


def regularize(repairs: Repairs, measures: Measures) -> dict[str, Any]:
    """Tries what is not in place yet against overfitting."""
    fallen = measures["fit/fallen"]
    if is_gain(fallen):
        return {"overfitting/gain": fallen, "overfitting/floor": FLOOR}
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


def _against_overfitting(measures: Measures) -> Change:
    """Returns what is not in place yet."""
    change = Change()
    if measures["fit/dropout"] < _DROP:
        change |= Change(dropout=_DROP)
    if measures["fit/images"] and not measures["fit/augment"]:
        change |= Change(augment=AUGMENT + (FLIP if measures["fit/colors"] else ""))
    return change if change.differences() else Change(weight_decay=_DECAY)


def insufficient_capacity(measures: Measures) -> Finding | None:
    """Fires where not even the training images can be learnt."""
    clean = measures["clean/accuracy"]
    if clean.low > _LEARNT or measures["gap/clean_validation"].value > _GAP:
        return None
    # Wider nets are a little better in any case: that makes others not too small.
    if clean.value > _FITS and measures["fit/narrowest"] >= measures["classes"]:
        return None
    gain = measures.get("capacity/gain")
    status = "suspected"
    if gain is not None:
        status = "confirmed" if is_gain(gain) else "falsified"
    return Finding(
        cause="insufficient_capacity",
        status=status,
        message=(
            f"{clean.value:.1%} of the training images are learnt, by "
            f"{measures['fit/parameters']:,} weights whose narrowest hidden layer has "
            f"{measures['fit/narrowest']} units"
        ),
        evidence=(
            Evidence("accuracy on training images", clean, f"below {_LEARNT}", "M1"),
            Evidence(
                "units of the narrowest hidden layer",
                float(measures["fit/narrowest"]),
                "",
                "the model's kernels",
            ),
        ),
        remedy=Remedy("use more filters and units, or more layers"),
        refute="training four times the units, and reaching no more",
        cost=gain,
    )


def free(measures: Measures) -> Change:
    """Returns a change that takes away what keeps a model from learning."""
    augment = "" if measures["fit/augment"] else None
    return Change(dropout=0.0, weight_decay=0.0, augment=augment)


def widen(repairs: Repairs, measures: Measures) -> dict[str, Any]:
    """Tries more units, if nothing else was found: wide nets learn faster anyway."""
    if repairs.has_mended or not repairs.can_afford():
        return {}
    change = Change(width=4.0 if measures["fit/narrowest"] >= 4 else 16.0)
    try:
        branch = repairs.attempt("insufficient_capacity", change)
    except CannotChangeError:
        return {}
    gain = repairs.gain(branch)
    if is_gain(gain):
        repairs.accept(branch, change)
    return {"capacity/gain": gain}
