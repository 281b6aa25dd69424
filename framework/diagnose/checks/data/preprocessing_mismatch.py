"""The splits are preprocessed differently."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from framework.diagnose.core.check import Check, Phase, Suspicion
from framework.diagnose.core.finding import Evidence
from framework.diagnose.core.measurement import Measurements
from framework.diagnose.core.threshold import above, at_least
from framework.diagnose.measure.accuracy import Accuracy
from framework.diagnose.measure.label_signal import LabelSignal
from framework.diagnose.measure.labels import SplitComposition
from framework.diagnose.measure.preprocessing import (
    MAPPED_LABELS,
    PreprocessingDifference,
)

# Renumbered classes that a message names.
_SHOWN = 10


@dataclasses.dataclass(frozen=True)
class PreprocessingMismatch(Check):
    """Looks for one transform of all validation images that makes the model right.

    Why it matters:
        Another scale, channel order or class order in validation makes a good model
        look bad, and its curve flat.
    Evidence:
        The gain of the best transform, chosen by some images and measured on others; by
        all of them if two samples choose the same one. The ratio of the standard
        deviations.
    How it is decided:
        By that gain; no training is needed. A gain that is not certain to be large is
        a suspicion. Where one split alone was scaled or centred, its values show it:
        then it is enough that validation is certainly below training.
    Remedy:
        Prepare both splits by one function.
    Sources:
        The transforms are those of forum reports.

    Attributes:
        gain: The lower bound of the gain above which the cause is confirmed; another
            light can make smaller ones. Where two samples choose the same transform,
            a gain of as much is a suspicion, whatever its interval.
        ratio: Standard deviations this many times apart are another scale: no light
            does that (bytes against fractions are 255).
        sees: Standard deviations from chance above which labels fit their images, so
            that another class order can be told from labels that are void.
    """

    cause_name: ClassVar[str] = "preprocessing_mismatch"
    phase: ClassVar[Phase] = Phase.DATA
    gain: float = 0.05
    ratio: float = 10.0
    sees: float = 5.0

    def suspect(self, measured: Measurements) -> Suspicion | None:
        """See base class."""
        mismatch, accuracy = (
            measured.get(PreprocessingDifference),
            measured.get(Accuracy),
        )
        is_large = mismatch.gain.low > self.gain
        has_gain = mismatch.gain.low > 0 or (
            mismatch.is_chosen_twice and mismatch.gain.value > self.gain
        )
        if mismatch.transform == MAPPED_LABELS and self._are_labels_void(measured):
            has_gain = False
        is_scale = not 1 / self.ratio < mismatch.scale_ratio < self.ratio
        is_scale = is_scale or mismatch.is_moved
        if not has_gain and not is_scale:
            return None
        scale = Evidence(
            "standard deviation of validation images by that of training images",
            mismatch.scale_ratio,
            at_least(self.ratio).note(
                "; or its inverse; or values below 0 in one split alone, with other "
                "moments: another scale"
            ),
            "no light does that",
        )
        is_certain = is_scale and (
            accuracy.train_clean.accuracy.low > accuracy.validation.accuracy.high
        )
        evidence: tuple[Evidence, ...] = (scale,)
        if has_gain:
            shown = Evidence(
                f"gain in validation accuracy once {mismatch.transform}",
                mismatch.gain,
                above(0.0).note(f"; for certain above {self.gain} to be confirmed"),
                "no image judges what it has chosen; no training",
            )
            evidence = (shown, scale)
            is_surely_apart = mismatch.is_signed_apart and mismatch.is_chosen_twice
            is_certain = (
                is_certain or is_large or (is_surely_apart and mismatch.gain.low > 0)
            )
        return Suspicion(
            is_certain=is_certain,
            message=_message(mismatch, has_gain),
            evidence=evidence,
            advice=(
                "prepare both splits by one function: the same scale, channel order, "
                "orientation and class numbers"
            ),
            code=("x_train, x_validation = prepare(x_train), prepare(x_validation)",),
            refute="the same image through both pipelines: equal pixels and labels",
            cost=mismatch.gain if has_gain else None,
        )

    def _are_labels_void(self, measured: Measurements) -> bool:
        """Returns whether labels are wrong in a way that no mapping would fix."""
        signals = measured.get(LabelSignal).signals.values()
        if any(signal.z < self.sees for signal in signals):
            return True
        return bool(measured.get(SplitComposition).unseen_classes)


def _message(mismatch: PreprocessingDifference, has_gain: bool) -> str:
    """Returns the evidence in a sentence: a gain, or else the values."""
    if has_gain:
        return (
            f"the model is right about {mismatch.gain.value:.1%} more of the "
            f"validation images once {mismatch.transform}: the splits are prepared "
            f"differently{_renumbered(mismatch)}"
        )
    if mismatch.is_moved:
        return (
            "one split alone has values below 0, and moments apart from those of the "
            "other: one of the splits was centred or standardised and the other was not"
        )
    return (
        f"the standard deviation of validation images is {mismatch.scale_ratio:.3g} "
        f"times that of training images: one of the splits was scaled and the other "
        f"was not"
    )


def _renumbered(mismatch: PreprocessingDifference) -> str:
    """Returns which class numbers differ, in words; "" if none do."""
    if not mismatch.renumbered:
        return ""
    shown = [f"{old} is {new}" for old, new in mismatch.renumbered[:_SHOWN]]
    rest = len(mismatch.renumbered) - len(shown)
    more = f" and {rest} more" if rest else ""
    return f" (class {', '.join(shown)}{more} in validation)"
