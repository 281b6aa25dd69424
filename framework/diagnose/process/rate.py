"""A learning rate or batch size that is too high or too low."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from framework.diagnose.change import Change
from framework.diagnose.detector import Measures
from framework.diagnose.finding import Evidence, Finding, Remedy
from framework.diagnose.subject import Subject

_STEPS = 12
# log10 of the length of a step, as a part of the weights' norm. Healthy runs have -2 to
# -3 (Karpathy's recipe), TheDeepChecker asks for -4 to -1.
_HIGH, _USUAL, _LOW, _FAR = -1.5, -2.3, -3.3, 2.0
# Cockpit's alpha above 0 in most steps (Schneider et al., 2021).
_OVERSHOOT = 0.5
# A rate that a schedule has brought so low no longer trains.
_FELL = 0.02
# What is learnt by heart needs no higher rate.
_LEARNT = 0.95
_FEW_STEPS, _SMALL_BATCH, _LARGE_SHARE, _LARGE_BATCH = 300, 8, 0.25, 512
# Keras's default is large for nobody: with few images there are just few of them.
_USUAL_BATCH = 32


def measure(subject: Subject) -> dict[str, Any]:
    """Measures what the first steps do, and what the next ones would."""
    found: dict[str, Any] = {}
    for name, fresh in (("first", True), ("next", False)):
        steps = subject.program.steps(_STEPS, fresh)
        ratios = [step.ratio for step in steps if math.isfinite(step.ratio)]
        worse = [not step.after <= step.before for step in steps]
        found[f"rate/{name}"] = math.log10(max(np.median(ratios or [1e9]), 1e-30))
        found[f"rate/{name}_overshoot"] = float(np.mean(worse))
        longest = math.log10(max([*ratios, 1e-30]))
        found["rate/longest"] = max(found.get("rate/longest", longest), longest)
    losses = [row.get("train/loss", math.nan) for row in subject.rows]
    found["rate/diverged"] = not np.isfinite(losses).all()
    found["rate/steps"] = subject.rows[-1]["step"]
    last = len(subject.rows) - 1
    found["rate/left"] = _left(subject, last // 2)
    found["rate/annealed"] = _left(subject, last) < _FELL <= found["rate/left"]
    return found


def _left(subject: Subject, place: int) -> float:
    """Returns what a schedule has left of the rate at an evaluation, as a part."""
    rate = subject.rows[place].get("learning_rate", math.nan)
    part = rate / max(subject.settings.get("highest_rate", 0.0), 1e-30)
    return min(part, 1.0) if math.isfinite(part) else 1.0


def learning_rate_too_high(measures: Measures) -> Finding | None:
    """Fires where steps are long, go too far, or end in numbers that are not finite."""
    lengths = measures["rate/first"], measures["rate/next"]
    overshoot = max(measures["rate/first_overshoot"], measures["rate/next_overshoot"])
    stuck = measures["clean/accuracy"].value < measures["clean/majority"] + 0.1
    # Where nothing has been learnt, a step of any length may be one too long.
    long = max(lengths) > (_HIGH - 1 if stuck else _HIGH)
    if not (long or overshoot > _OVERSHOOT or measures["rate/diverged"]):
        return None
    if measures["clean/accuracy"].low > _LEARNT:
        return None
    return Finding(
        cause="learning_rate_too_high",
        status="suspected",
        message=(
            f"a step moves the weights by 10^{max(lengths):.1f} of their norm, and "
            f"{overshoot:.0%} of steps end with a higher loss of the same batch"
        ),
        evidence=(
            Evidence(
                "log10 of a step's length, in the weights' norm",
                max(lengths),
                f"above {_HIGH}",
                "healthy runs have -2 to -3",
            ),
            Evidence(
                "steps that go too far",
                overshoot,
                f"above {_OVERSHOOT}",
                "loss of the batch after the step above that before; Cockpit, 2021",
            ),
        ),
        remedy=Remedy(
            f"multiply the learning rate by {_part(measures):g}, or have it fall",
            (
                f"--learning_rate={_rate(measures) * _part(measures):.3g}",
                "--schedule=plateau(factor=.1, patience=5)",
            ),
        ),
        refute="training with that rate, and reaching no more",
    )


def learning_rate_too_low(measures: Measures) -> Finding | None:
    """Fires where steps are short, and not even the training images are learnt."""
    left = measures["rate/left"]
    # A rate that falls to nothing in the end is as it should be.
    length = measures["rate/first" if measures["rate/annealed"] else "rate/next"]
    if measures["clean/accuracy"].low > _LEARNT or measures["rate/diverged"]:
        return None
    if length > (_LOW + 0.5 if measures["gate"].verdict == "improving" else _LOW):
        return None
    return Finding(
        cause="learning_rate_too_low",
        status="suspected",
        message=(
            f"a step moves the weights by 10^{length:.1f} of their norm only, and "
            f"{measures['clean/accuracy'].value:.1%} of the training images are learnt"
            + (f"; the schedule has left {left:.1g} of the rate" if _fell(left) else "")
        ),
        evidence=(
            Evidence(
                "log10 of a step's length, in the weights' norm",
                length,
                f"below {_LOW}",
                "healthy runs have -2 to -3",
            ),
            Evidence(
                "part of the highest rate that is left",
                left,
                f"below {_FELL}: the schedule is at fault",
                "the learning rate halfway through the run",
            ),
        ),
        remedy=_higher(measures),
        refute="training with that rate, and reaching no more",
    )


def batch_size_too_large(measures: Measures) -> Finding | None:
    """Fires where a run has few steps for its batches are large."""
    settings, steps = measures["settings"], measures["rate/steps"]
    share = settings["batch_size"] / settings["train_images"]
    large = share >= _LARGE_SHARE or settings["batch_size"] >= _LARGE_BATCH
    large &= settings["batch_size"] > _USUAL_BATCH
    if steps > _FEW_STEPS or not large or measures["clean/accuracy"].low > _LEARNT:
        return None
    return Finding(
        cause="batch_size_too_large",
        status="suspected",
        message=(
            f"a batch has {settings['batch_size']} images, {share:.0%} of all: in "
            f"{settings['epochs']:g} epochs there are {steps} steps only"
        ),
        evidence=(
            Evidence(
                "steps of the whole run",
                float(steps),
                f"{_FEW_STEPS} or fewer, with a quarter of all images in a batch",
                "our own choice",
            ),
        ),
        remedy=Remedy("make the batch eight times smaller: more steps an epoch"),
        refute="training with an eighth of the batch, and reaching no more",
    )


def batch_size_too_small(measures: Measures) -> Finding | None:
    """Fires where single images decide about a step, and steps go too far."""
    size = measures["settings"]["batch_size"]
    if size >= _SMALL_BATCH or measures["clean/accuracy"].low > _LEARNT:
        return None
    return Finding(
        cause="batch_size_too_small",
        status="suspected",
        message=f"a batch has {size} image(s): steps are mostly noise",
        evidence=(
            Evidence(
                "images in a batch",
                float(size),
                f"below {_SMALL_BATCH}",
                "our own choice",
            ),
        ),
        remedy=Remedy("make the batch sixteen times larger", ("--batch_size=32",)),
        refute="training with sixteen times the batch, and reaching no more",
    )


def lower(measures: Measures) -> Change:
    """Returns a change to a rate that moves weights as far as is usual."""
    return Change(learning_rate=_part(measures))


def _part(measures: Measures) -> float:
    length = max(measures["rate/first"], measures["rate/next"])
    # After a step that was far too long, the others are short beside the weights.
    if measures["rate/longest"] > _FAR:
        length = max(length, measures["rate/longest"])
    return 10.0 ** -max(1, min(math.floor(length - _USUAL), 12))


def raise_(measures: Measures) -> Change:
    """Returns a change to a rate that moves weights as far as is usual."""
    if _fell(measures["rate/left"]):
        return Change(constant_rate=measures["settings"]["highest_rate"])
    return Change(learning_rate=_factor(measures))


def _fell(left: float) -> bool:
    return left < _FELL


def _higher(measures: Measures) -> Remedy:
    if _fell(measures["rate/left"]):
        return Remedy(
            "have the learning rate fall later, or less", ("--schedule=constant",)
        )
    factor = _factor(measures)
    rate = _rate(measures) * factor
    return Remedy(
        f"multiply the learning rate by {factor:g}", (f"--learning_rate={rate:.3g}",)
    )


def _factor(measures: Measures) -> float:
    name = "rate/first" if measures["rate/annealed"] else "rate/next"
    missing = _USUAL - measures[name]
    return 10.0 ** max(1, min(round(missing), 4))


def _rate(measures: Measures) -> float:
    return float(measures["settings"]["learning_rate"])


def smaller_batch(measures: Measures) -> Change:
    """Returns a change to an eighth of the batch."""
    del measures
    return Change(batch_size=1 / 8)


def larger_batch(measures: Measures) -> Change:
    """Returns a change to sixteen times the batch."""
    del measures
    return Change(batch_size=16.0)
