"""A loss and outputs that do not belong together."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from framework.diagnose import outputs, surgery
from framework.diagnose.change import Change
from framework.diagnose.detector import Measures
from framework.diagnose.finding import Evidence, Finding, Remedy
from framework.diagnose.subject import Subject

_IMAGES = 256
# The least loss of any outputs, as a part of that of equal ones. Double softmax cannot
# go below ln(1 + (K - 1) / e): .45 of ln 2 for two classes, .63 for ten; smoothing of
# labels by .1 leaves .2 to .3.
_FLOOR = 0.4
# Certain and wrong costs this many times as much as equal outputs, of cross-entropy 7
# with probabilities cut at 1e-7; of squared errors 2, of absolute ones 1.
_PENALTY = 3.0
# Of twice the same batch, a mean is the same and a sum twice as large.
_DOUBLE = 1.5
_SAME = 1e-3
# A softmax comes to 0 in float32 now and then, a ReLU in half of its outputs.
_CUT = 0.1


def measure(subject: Subject) -> dict[str, Any]:
    """Probes the loss with outputs made up, and the outputs with batches of one."""
    split = subject.train.take(np.arange(min(_IMAGES, len(subject.train))))
    said = subject.program.ask(split.images)
    labels = split.labels
    constant = bool(said.shape[1] == 1 and np.ptp(said) < 1e-6)
    found = {
        "loss/units": said.shape[1],
        "loss/constant": constant,
        "loss/softmax": constant and surgery.ends_in_softmax(subject.program.model),
        "loss/alone": float(np.abs(_alone(subject, split.images) - said[:4]).max()),
        "loss/classes": len(np.unique(labels)),
        "loss/cut": float(np.mean(said == 0)) if said.min() == 0 else 0.0,
    }
    if said.shape[1] == 1 or labels.max() >= said.shape[1]:
        return found
    squashed = outputs.are_probabilities(said) or outputs.are_shares(said)
    crafted = _crafted(labels, said.shape[1], squashed)
    losses = {
        name: subject.program.loss(labels, each) for name, each in crafted.items()
    }
    right = [value for name, value in losses.items() if name.startswith("right")]
    both = np.concatenate([labels, labels])
    twice = subject.program.loss(both, np.concatenate([said, said]))
    return found | {
        "loss/right": min(right),
        "loss/equal": losses["equal"],
        "loss/wrong": losses["wrong"],
        "loss/twice": twice / max(subject.program.loss(labels, said), 1e-12),
        "loss/squashed": squashed,
    }


def _alone(subject: Subject, images: np.ndarray) -> np.ndarray:
    return np.concatenate([subject.program.ask(images[i : i + 1]) for i in range(4)])


def _crafted(labels: np.ndarray, units: int, squashed: bool) -> dict[str, np.ndarray]:
    """Returns outputs that are right with growing certainty, equal, and wrong."""
    truth = np.eye(units)[labels]
    equal = np.full_like(truth, 1 / units)
    found = {
        f"right {sure}": sure * truth + (1 - sure) * equal
        for sure in (0.5, 0.9, 0.99, 0.999, 1.0)
    }
    found |= {"equal": equal, "wrong": np.roll(truth, 1, axis=1)}
    if squashed:
        return found
    return {name: np.log(np.clip(each, 1e-7, 1)) for name, each in found.items()}


def rule(measures: Measures) -> Finding | None:
    """Fires where the loss does not want the right class to be certain."""
    units, classes = measures["loss/units"], measures["loss/classes"]
    reasons = []
    too_few = classes > max(units, 2)
    if too_few:
        reasons.append(f"{units} outputs cannot tell {classes} classes apart")
    if measures["loss/constant"]:
        reasons.append("the only output is the same for all images: a softmax of one")
    if measures["loss/cut"] > _CUT:
        reasons.append(f"{measures['loss/cut']:.0%} of the outputs are cut off at 0")
    if measures["loss/alone"] > _SAME:
        reasons.append("what is said of an image depends on the others in its batch")
    reasons += _probed(measures) if "loss/equal" in measures else []
    if not reasons:
        return None
    # Those two are arithmetic.
    certain = too_few or (measures["loss/constant"] and measures["loss/softmax"])
    return Finding(
        cause="loss_output_mismatch",
        status="confirmed" if certain else "suspected",
        message="; ".join(reasons),
        evidence=_evidence(measures),
        remedy=Remedy(
            "return one logit a class, without softmax or sigmoid, and train with the "
            "mean of SparseCategoricalCrossentropy(from_logits=True)"
        ),
        refute="training with consistent cross-entropy, and reaching no more",
    )


def _probed(measures: Measures) -> list[str]:
    right, equal, wrong = (
        measures[f"loss/{name}"] for name in ("right", "equal", "wrong")
    )
    if not all(map(math.isfinite, (right, equal, wrong))):
        return ["the loss of outputs that are certain is not finite"]
    found = []
    if not right < equal < wrong:
        found.append(
            "the loss does not grow from right over undecided to wrong outputs"
        )
    elif right > _FLOOR * equal:
        found.append(
            f"the loss cannot fall below {right:.4g}, where undecided outputs have "
            f"{equal:.4g}: it takes for logits what are probabilities already"
        )
    elif wrong < _PENALTY * equal:
        found.append(
            f"certain and wrong costs {wrong:.3g}, undecided {equal:.3g}: it is no "
            f"cross-entropy, and its gradient vanishes where outputs are wrong"
        )
    if measures["loss/twice"] > _DOUBLE:
        found.append("the loss is a sum over the batch, not a mean")
    return found


def _evidence(measures: Measures) -> tuple[Evidence, ...]:
    if "loss/equal" not in measures:
        return (
            Evidence(
                "outputs",
                float(measures["loss/units"]),
                f"fewer than {measures['loss/classes']} classes, or always the same",
                "the model asked about training images",
            ),
        )
    equal = measures["loss/equal"]
    return (
        Evidence(
            "least loss of right outputs",
            measures["loss/right"],
            f"above {_FLOOR} of {equal:.4g}, that of undecided ones",
            "outputs made up; double softmax has .45 to .63 of it",
        ),
        Evidence(
            "loss of certain, wrong outputs",
            measures["loss/wrong"],
            f"below {_PENALTY:g} times {equal:.4g}",
            "outputs made up; cross-entropy has 7 times as much",
        ),
        Evidence(
            "loss of a batch twice, in losses of the batch",
            measures["loss/twice"],
            f"above {_DOUBLE}",
            "a mean has 1",
        ),
    )


def change(measures: Measures) -> Change:
    """Returns what would mend it."""
    del measures
    return Change(consistent_loss=True)
