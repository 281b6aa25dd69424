"""What the gains of a remedy prove: pure functions of numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from framework.numerics.intervals import Estimate
from framework.prove.statistics import MINIMUM, Gain

VERDICTS: Mapping[str, str] = {
    "proven": "the remedy gains for certain, over both controls",
    "ruler fixed": "with the remedy, validation says what the test part says",
    "no effect": "the gain is below a point for certain: the cause is falsified",
    "harmful": "the remedy loses for certain",
    "unresolved": "the numbers fit both a gain and none",
    "cannot be tried": "the changed program cannot be trained: it was refused",
}
SUCCESSES = ("proven", "ruler fixed")


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What a proof has come to so far.

    Attributes:
        name: One of `VERDICTS`.
        reason: Why, in a sentence.
        is_final: Whether more seeds are of no use.
        needs_placebo: Whether it depends on the placebo, which is not trained yet.
    """

    name: str
    reason: str
    is_final: bool = True
    needs_placebo: bool = False


@dataclasses.dataclass(frozen=True)
class Agreement:
    """How far validation and test accuracy are apart, without the remedy and with it.

    Attributes:
        before: Validation less test accuracy of the unchanged program, with the
            interval of other images.
        after: The same with the remedy.
        approach: How much smaller the distance has become, over seeds.
    """

    before: Estimate
    after: Estimate
    approach: Estimate


def refused(reason: str) -> Verdict:
    """Returns the verdict on a remedy that cannot be trained.

    >>> refused("batch_size is too large").name
    'cannot be tried'
    """
    return Verdict("cannot be tried", reason)


def futile(verdict: Verdict, seeds: int) -> Verdict:
    """Returns the verdict where more seeds are not expected to decide.

    Args:
        verdict: After the seeds so far.
        seeds: The most there might be.
    """
    reason = f"{verdict.reason}, and by these numbers {seeds} seeds would not tell"
    return dataclasses.replace(verdict, reason=reason, is_final=True)


def of_gains(unchanged: Gain, placebo: Gain | None) -> Verdict:
    """Returns the verdict on a remedy that is to improve the model.

    Args:
        unchanged: The gain over the unchanged program.
        placebo: The gain over the placebo; None before it is trained.
    """
    kind = _kind(unchanged)
    if kind == "loss":
        return Verdict("harmful", "it loses against the unchanged program")
    if kind == "none":
        return Verdict(
            "no effect",
            f"it gains less than {100 * MINIMUM:.0f} point over the unchanged program, "
            f"for certain: the cause is falsified",
        )
    if kind == "open":
        return _open(unchanged, "the unchanged program")
    if placebo is None:
        reason = "it gains over the unchanged program; the placebo is not trained yet"
        return Verdict("unresolved", reason, is_final=False, needs_placebo=True)
    kind = _kind(placebo)
    if kind == "gain":
        return Verdict("proven", "it gains over the unchanged program and the placebo")
    if kind == "open":
        return _open(placebo, "the placebo")
    return Verdict(
        "unresolved",
        "it gains over the unchanged program, but the placebo gains as much: the gain "
        "does not support this cause",
    )


def of_agreement(agreement: Agreement) -> Verdict:
    """Returns the verdict on a remedy that is to make validation tell the truth.

    Validation accuracy may fall: what counts is that it is that of the test part.
    """
    before, after, approach = agreement.before, agreement.after, agreement.approach
    if before.low <= 0 <= before.high:
        return Verdict(
            "unresolved",
            "validation and test agree without the remedy as well, as far as this "
            "number of images can tell",
            is_final=False,
        )
    if approach.low > 0 and approach.value >= MINIMUM and after.low <= 0 <= after.high:
        return Verdict("ruler fixed", "validation and test have come together")
    if approach.high < 0 and approach.value <= -MINIMUM:
        return Verdict("harmful", "validation and test have moved apart")
    if approach.high < MINIMUM:
        reason = "validation and test are as far apart as without it"
        return Verdict("no effect", f"{reason}: the cause is falsified")
    return Verdict(
        "unresolved", "validation and test may still be apart", is_final=False
    )


def _kind(gain: Gain) -> str:
    """Returns whether a gain is for certain a "gain", a "loss", "none", or "open"."""
    intervals = gain.over_seeds, gain.over_images
    if all(each.low > 0 for each in intervals) and gain.value >= gain.floor:
        return "gain"
    if all(each.high < 0 for each in intervals) and gain.value <= -gain.floor:
        return "loss"
    return "none" if all(each.high < MINIMUM for each in intervals) else "open"


def _open(gain: Gain, control: str) -> Verdict:
    helped = sum(each > 0 for each in gain.seeds)
    return Verdict(
        "unresolved",
        f"against {control}, {helped} of {len(gain.seeds)} seeds gain, which is not "
        f"certain",
        is_final=False,
    )
