"""What a trial says of a suspicion: how large a gain must be, and the status it gives.

A word means what it says. A cause is *falsified* only where the whole interval of the
gain lies below what was asked for; a gain that is certain but smaller is *minor*; and
an interval that holds both no gain and the gain asked for leaves it *unresolved*.
"""

from __future__ import annotations

import dataclasses
import math

from framework.diagnose.core.finding import Evidence
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.threshold import Threshold
from framework.diagnose.core.threshold import gain as gain_threshold
from framework.numerics.intervals import Estimate

# The least gain in accuracy that is worth a finding. Training twice as long gains less
# in each of the 54 healthy programs of the calibration half of the zoo: 2.5 points at
# most (benchmarks/zoo/admitted.json).
MINIMUM_GAIN = 0.03


@dataclasses.dataclass(frozen=True)
class Decision:
    """What a trial says of a suspicion.

    Attributes:
        status: One of `framework.diagnose.core.finding.STATUSES`; "suspected" if
            nothing was tried.
        cost: How much accuracy the cause costs; None if that is not known.
        evidence: What the trial has shown.
        intervention: What was tried; None for that of the suspicion.
    """

    status: str
    cost: Estimate | None = None
    evidence: tuple[Evidence, ...] = ()
    intervention: Intervention | None = None


def is_gain(gain: Estimate, minimum: float = MINIMUM_GAIN) -> bool:
    """Returns whether a gain is certain and large enough.

    Example:
        >>> is_gain(Estimate(0.05, 0.01, 0.09)), is_gain(Estimate(0.05, -0.01, 0.11))
        (True, False)
    """
    return gain.low > 0 and gain.value >= minimum


def status_of(gain: Estimate | None, minimum: float = MINIMUM_GAIN) -> str:
    """Returns the status that a trial gives a suspicion; None stands for no trial.

    Example:
        >>> status_of(Estimate(0.096, 0.054, 0.137), minimum=0.1)
        'minor'
        >>> status_of(Estimate(0.04, -0.03, 0.11), minimum=0.1)
        'unresolved'
        >>> status_of(Estimate(0.0, -0.02, 0.02), minimum=0.1)
        'falsified'
    """
    if gain is None:
        return "suspected"
    if not math.isfinite(gain.value):
        return "unresolved"
    if is_gain(gain, minimum):
        return "confirmed"
    if gain.low > 0:
        return "minor"
    return "falsified" if gain.high < minimum else "unresolved"


def judge(
    gain: Estimate,
    at_equal_length: Estimate | None,
    minimum: float,
    expected: float = 0.0,
) -> str:
    """Returns the status that a trial gives which was shorter than the run.

    It is confirmed by a gain over the end of the run; or by half of that gain if, over
    the run at the same length, the whole gain is reached. It is falsified only if both
    gains are less than asked for.

    Args:
        gain: Over the end of the run.
        at_equal_length: Over the run after as many epochs; None if that is not known.
        minimum: The least gain that counts.
        expected: The gain over the end that more of the same training would give.

    Example:
        >>> end, equal = Estimate(0.052, 0.02, 0.08), Estimate(0.2, 0.16, 0.24)
        >>> judge(end, None, 0.1), judge(end, equal, 0.1)
        ('minor', 'confirmed')
    """
    status = status_of(gain, minimum)
    if at_equal_length is None or status == "confirmed":
        return status
    half = max(MINIMUM_GAIN, minimum / 2, expected)
    if is_gain(gain, half) and is_gain(at_equal_length, minimum):
        return "confirmed"
    if status == "falsified" and not at_equal_length.high < minimum:
        return "unresolved"
    return status


def threshold(minimum: float) -> Threshold:
    """Returns which gains count.

    >>> print(threshold(0.0975))
    the interval above 0, and 9.75 points or more
    """
    return gain_threshold(minimum)


def not_measured(problem: Exception) -> Decision:
    """Returns the decision where a trial could not be run: the suspicion stays."""
    reason = " ".join(str(problem).split()) or "the program has nothing to change so"
    evidence = Evidence("the trial", "not measured", "", reason)
    return Decision("suspected", evidence=(evidence,))
