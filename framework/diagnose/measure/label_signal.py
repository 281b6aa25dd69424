"""How well images predict their labels, in each split by itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from framework.diagnose.core.measurement import Measurement, NotApplicableError, Part
from framework.diagnose.measure.probe import Probe, Signal
from framework.diagnose.measure.samples import Samples, chosen

if TYPE_CHECKING:
    from framework.diagnose.core.context import DiagnosisContext

OTHER_SPLIT = {"train": "validation", "validation": "train"}


@dataclasses.dataclass(frozen=True, eq=False)
class LabelSignal(Measurement):
    """How much better than chance probes predict labels from untrained features.

    Attributes:
        signals: By split.
        controls: By split that looks worse: the signal of as many images of the other.
        orders: By split that looks worse: signals of its labels in other orders, by
            the order in words.
    """

    depends_on: ClassVar[Part] = Part.DATA
    signals: Mapping[str, Signal]
    controls: Mapping[str, Signal]
    orders: Mapping[str, Mapping[str, Signal]]

    @classmethod
    def measure(cls, context: DiagnosisContext) -> LabelSignal:
        """See base class."""
        samples = context.get(Samples)
        if min(len(samples.train), len(samples.validation)) < 2:
            raise NotApplicableError("a split has fewer than 2 images")
        probes = {name: Probe(samples.of(name).features) for name in OTHER_SPLIT}
        signals = {
            name: probe.signal(samples.of(name).labels)
            for name, probe in probes.items()
        }
        controls: dict[str, Signal] = {}
        orders: dict[str, Mapping[str, Signal]] = {}
        for name, other in OTHER_SPLIT.items():
            if signals[name].accuracy.high > signals[other].accuracy.low:
                continue
            # The control has as many images of the other split, because the signal of
            # neighbours depends on their number.
            size = min(len(samples.of(name)), len(samples.of(other)))
            own, control = (_signal_of(samples, split, size) for split in (name, other))
            controls[name] = control
            signals[name] = max(signals[name], own, key=lambda signal: signal.z)
            orders[name] = _orders(
                probes[name], context.split(name).labels, samples.of(name).indices
            )
        return cls(signals, controls, orders)


def _signal_of(samples: Samples, split: str, size: int) -> Signal:
    sample = samples.of(split)
    sample = sample.take(chosen(len(sample), size))
    return Probe(sample.features).signal(sample.labels)


def _orders(probe: Probe, labels: np.ndarray, indices: np.ndarray) -> dict[str, Signal]:
    """Returns how well labels fit the images in other orders."""
    orders = {
        "each label is moved one place on": np.roll(labels, 1),
        "each label is moved one place back": np.roll(labels, -1),
        "their order is reversed": labels[::-1],
    }
    return {name: probe.signal(each[indices]) for name, each in orders.items()}
