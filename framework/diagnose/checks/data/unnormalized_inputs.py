"""Inputs are not normalized."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from framework.diagnose.core.check import Check, Phase, Suspicion
from framework.diagnose.core.finding import Evidence
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import Measurements
from framework.diagnose.measure.inputs import InputScale


@dataclasses.dataclass(frozen=True)
class UnnormalizedInputs(Check):
    """Measures the scale of the inputs of the first layer.

    Why it matters:
        Glorot's and He's initial weights suppose inputs of standard deviation 1.
    Evidence:
        The standard deviations of the channels, and their offset.
    How it is decided:
        By a trial on standardised inputs.
    Remedy:
        Scale inputs to mean 0 and standard deviation 1, with the training statistics.
    Sources:
        Glorot & Bengio (2010); He et al. (2015).

    Attributes:
        low: Standard deviations below this are too small. Scaled to 0 to 1 images have
            .2 to .4, standardised ones 1.
        high: Standard deviations above this are too large; raw bytes have 60 to 90.
        offset: Means this many times the standard deviation are too far off; images
            from 0 to 1 have 1 to 3.
    """

    cause_name: ClassVar[str] = "unnormalized_inputs"
    phase: ClassVar[Phase] = Phase.DATA
    low: float = 0.05
    high: float = 5.0
    offset: float = 5.0

    def suspect(self, measured: Measurements) -> Suspicion | None:
        """See base class."""
        scale = measured.get(InputScale)
        is_usual = (
            scale.deviation >= self.low
            and scale.largest_deviation <= self.high
            and scale.offset <= self.offset
        )
        if is_usual or scale.normalized_by:
            return None
        return Suspicion(
            message=(
                f"the network sees inputs of standard deviation {scale.deviation:.3g}, "
                f"at most {scale.largest_deviation:.3g}, and a mean {scale.offset:.3g} "
                f"times as large; its weights were drawn for inputs around 0 of about 1"
            ),
            evidence=(
                Evidence(
                    "standard deviation of a channel",
                    scale.deviation,
                    f"below {self.low}",
                    "scaled images have 0.2 to 0.4, standardised ones 1",
                ),
                Evidence(
                    "largest standard deviation",
                    scale.largest_deviation,
                    f"above {self.high:g}",
                    "bytes have 60 to 90",
                ),
                Evidence(
                    "mean as a multiple of the standard deviation",
                    scale.offset,
                    f"above {self.offset:g}",
                    "images from 0 to 1 have 1 to 3",
                ),
            ),
            advice=(
                "scale inputs to mean 0 and standard deviation 1, with the statistics "
                "of the training images in both splits"
            ),
            intervention=Intervention(standardize=True),
            refute="no higher accuracy after a run on standardised inputs",
        )
