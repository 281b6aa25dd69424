"""The validation set is too small."""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar

from framework.config import Config, spec
from framework.diagnose.core.check import Check, Phase, Suspicion
from framework.diagnose.core.finding import Evidence
from framework.diagnose.core.measurement import Measurements
from framework.diagnose.core.threshold import above
from framework.diagnose.measure.accuracy import Accuracy
from framework.diagnose.measure.plateau import COARSE
from framework.numerics.intervals import detectable


@dataclasses.dataclass(frozen=True)
class ValidationTooSmall(Check):
    """Computes the smallest difference that the validation set can show.

    Why it matters:
        A curve on few images is flat, or jumps, whatever the model does.
    Evidence:
        The interval of accuracy, and the smallest difference that a test can detect.
    How it is decided:
        By arithmetic. The finding is withdrawn if another cause is confirmed on the
        same images.
    Remedy:
        More validation images, or cross-validation.
    Sources:
        Wilson (1927); two proportions at 80 % power.

    Attributes:
        coarse: The least difference that must be seen, as in `Plateau`.
        few: With fewer images one alone is more than two points.
    """

    cause_name: ClassVar[str] = "validation_too_small"
    phase: ClassVar[Phase] = Phase.DATA
    coarse: float = COARSE
    few: int = 40

    def suspect(self, measured: Measurements) -> Suspicion | None:
        """See base class."""
        validation = measured.get(Accuracy).validation
        total, accuracy = validation.images, validation.accuracy
        least = detectable(accuracy.value, total)
        if least <= self.coarse and total >= self.few:
            return None
        half = (accuracy.high - accuracy.low) / 2
        return Suspicion(
            is_certain=True,
            message=(
                f"{total:,} validation images resolve accuracy to +-{half:.1%}: one "
                f"image is {1 / total:.1%}, and of two models one must be {least:.1%} "
                f"better for it to be seen"
            ),
            evidence=(
                Evidence("validation/accuracy", accuracy, "interval", "Wilson, 1927"),
                Evidence(
                    "least difference seen",
                    least,
                    above(self.coarse).note(f"; or fewer than {self.few} images"),
                    "two proportions at 80 % power",
                ),
            ),
            advice=(
                f"use {self._enough(total, least):,} validation images or more"
                f"{_flag(measured.settings.config)}, or score by k-fold "
                f"cross-validation; until then, read no meaning into differences below "
                f"that size"
            ),
            code=(
                "from sklearn.model_selection import StratifiedKFold",
                "folds = StratifiedKFold(5, shuffle=True, random_state=0).split(x, y)",
            ),
            refute="a larger validation set on which accuracy is as static",
        )

    def _enough(self, total: int, least: float) -> int:
        """Returns how many images show the differences that must be seen.

        Args:
            total: How many there are.
            least: The least difference that they show; it falls as the square root of
                their number rises.
        """
        return max(self.few, math.ceil(total * (least / self.coarse) ** 2))


def _flag(config: Config | None) -> str:
    """Returns the setting that determines their number, in words; "" if no flag."""
    if config is None or spec.single(config.dataset).name not in ("digits", "folder"):
        return ""
    return " (unless they have a folder of their own: validation=... in --dataset)"
