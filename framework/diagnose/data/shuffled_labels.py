"""Labels that have nothing to do with the images beside them."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.diagnose.detector import Measures
from framework.diagnose.finding import Evidence, Finding, Remedy
from framework.diagnose.look import chosen, look
from framework.diagnose.probe import Probe, Signal
from framework.diagnose.subject import Subject
from framework.numerics.intervals import difference

# Of the better of two probes. Permuted labels of digits, clothes and flowers gave 3.1
# at most in 80 trials; true labels 19 at least, of 1,000 images.
_NONE, _CLEAR = 3.0, 5.0
# Another order must fit better by so much, or it is chance.
_FAR = 0.2
_OTHER = {"train": "validation", "validation": "train"}
_NULL = "against the same labels permuted; permuted ones gave 3.1 at most in 80 trials"


def measure(subject: Subject) -> dict[str, Any]:
    """Measures how much labels say about images, in each split by itself."""
    samples = look(subject)
    if min(len(each) for each in samples.values()) < 2:
        return {}
    probes = {name: Probe(each.features) for name, each in samples.items()}
    found: dict[str, Any] = {
        f"probe/{name}": probes[name].signal(samples[name].labels) for name in samples
    }
    for name, other in _OTHER.items():
        if found[f"probe/{name}"].accuracy.high > found[f"probe/{other}"].accuracy.low:
            continue
        # As many images of the other split show whether so few show anything; and what
        # neighbours tell can depend on how far off they are, and so on how many.
        size = min(len(samples[name]), len(samples[other]))
        alike = {
            each: samples[each].take(chosen(len(samples[each]), size))
            for each in (name, other)
        }
        signals = {
            each: Probe(some.features).signal(some.labels)
            for each, some in alike.items()
        }
        found[f"probe/{name}/control"] = signals[other]
        found[f"probe/{name}"] = max(
            found[f"probe/{name}"], signals[name], key=lambda each: each.z
        )
        found[f"probe/{name}/orders"] = _orders(
            probes[name], subject.split(name).labels, samples[name].rows
        )
    return found


def rule(measures: Measures) -> Finding | None:
    """Fires where labels say nothing in one split, and much in the other."""
    accuracy = measures["validation/accuracy"]
    chance = max(measures["validation/majority"], 1 / measures["classes"])
    # A model that has learnt something shows that there is something to learn.
    if measures["labels/illegal"] or accuracy.low > chance:
        return None
    signals = {name: measures[f"probe/{name}"] for name in _OTHER}
    if all(signal.z < _NONE for signal in signals.values()):
        return _unresolvable(measures, signals)
    for name, signal in signals.items():
        control = measures.get(f"probe/{name}/control")
        if control is None or control.z <= _CLEAR:
            continue
        order = _order(measures, name)
        if order or signal.z < _NONE:
            return _shuffled(measures, name, order)
    return None


def _order(measures: Measures, split: str) -> str:
    """Returns by what labels would fit their images again, in words, or ""."""
    orders = measures[f"probe/{split}/orders"]
    best = max(orders, key=lambda name: orders[name].z)
    gain = difference(orders[best].accuracy, measures[f"probe/{split}"].accuracy)
    return best if orders[best].z > _CLEAR and gain.low > _FAR else ""


def _shuffled(measures: Measures, split: str, order: str) -> Finding:
    signal: Signal = measures[f"probe/{split}"]
    control: Signal = measures[f"probe/{split}/control"]
    message = (
        f"the {split} labels do not belong to their images: a probe is right "
        f"{signal.accuracy.value:.1%} of the time, and {signal.chance:.1%} on permuted "
        f"labels, while in the {_OTHER[split]} split it is {control.accuracy.value:.1%}"
    )
    if order:
        message += f"; they fit once {order}"
    return Finding(
        cause="shuffled_labels",
        status="confirmed",
        message=message,
        evidence=(
            _evidence(
                split,
                signal,
                f"below {_NONE:g}, or far more in another order",
            ),
            _evidence(
                f"as many {_OTHER[split]} images",
                control,
                f"above {_CLEAR:g}: so the probe would see it",
            ),
        ),
        remedy=Remedy(
            "keep each image and its label together: shuffle them by one permutation, "
            "or as pairs of one tf.data.Dataset, and sort files before listing labels"
        ),
        refute=f"the same probe on {split} pairs that were checked by eye",
        cost=difference(control.accuracy, measures["validation/accuracy"]),
    )


def _unresolvable(measures: Measures, signals: dict[str, Signal]) -> Finding:
    return Finding(
        cause="shuffled_labels",
        status="unresolvable",
        message=(
            "the labels carry no information about the images that a probe can see; no "
            "remedy can help: in training as in validation, probes are right no more "
            "often than on permuted labels, and so is the model "
            f"({measures['validation/accuracy'].value:.1%} of the validation images)"
        ),
        evidence=tuple(
            _evidence(name, signal, f"below {_NONE:g} in both splits")
            for name, signal in signals.items()
        ),
        remedy=Remedy(
            "look at some images beside their labels; if a person cannot tell them "
            "either, other data are needed, and no other training"
        ),
        refute="any model that is right more often than chance on held-out images",
    )


def _evidence(where: str, signal: Signal, threshold: str) -> Evidence:
    return Evidence(
        f"standard deviations from chance, {where}",
        signal.z,
        threshold,
        f"{signal.probe}: {signal.accuracy.value:.1%} right by {signal.chance:.1%} "
        f"{_NULL}",
    )


def _orders(probe: Probe, labels: np.ndarray, rows: np.ndarray) -> dict[str, Signal]:
    """Returns how well labels would fit in other orders."""
    orders = {
        "each label is moved one place on": np.roll(labels, 1),
        "each label is moved one place back": np.roll(labels, -1),
        "their order is reversed": labels[::-1],
    }
    return {name: probe.signal(each[rows]) for name, each in orders.items()}
