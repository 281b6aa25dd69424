"""The result of a check: a cause, its status, the evidence and the remedy."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from framework.diagnose.core.causes import Cause
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.threshold import Threshold, shown
from framework.numerics.intervals import Estimate

# In the order of reading. Only "confirmed" names a cause.
STATUSES: Mapping[str, str] = {
    "confirmed": "a trial or a decisive measurement supports the cause",
    "minor": "its remedy helps for certain, but by less than was asked for",
    "suspected": "measurements support it, but it was not tried: no budget, or no "
    "remedy to train with",
    "unresolved": "its trial fits both no gain and the gain that was asked for",
    "unresolvable": "these data cannot decide it",
    "falsified": "its trial gains less than was asked for, with the whole interval of "
    "the gain; or another cause explains the same",
}
# What the number of a finding is.
COST_KINDS: Mapping[str, str] = {
    "gain": "the accuracy that its remedy gains",
    "inflation": "the accuracy that is shown and is not there",
}


@dataclasses.dataclass(frozen=True)
class Evidence:
    """A number that supports a cause.

    Attributes:
        name: What was measured.
        value: The result.
        threshold: When it supports the cause; or in words.
        source: Where the number and its threshold come from.

    Example:
        >>> from framework.diagnose.core.threshold import at_least
        >>> Evidence("highest dropout", 0.9, at_least(0.55), "layers").text
        '0.9; 0.55 or more'
    """

    name: str
    value: float | str | Estimate
    threshold: Threshold | str
    source: str

    @property
    def text(self) -> str:
        """The value, and when it supports the cause."""
        if isinstance(self.threshold, Threshold):
            assert not isinstance(self.value, str)
            return self.threshold.sentence(self.value)
        return shown(self.value) + (f"; {self.threshold}" if self.threshold else "")

    def as_json(self) -> dict[str, Any]:
        """Returns a JSON value; numbers that are not finite become strings."""
        estimate = self.value if isinstance(self.value, Estimate) else None
        value = estimate.value if estimate else self.value
        if isinstance(value, float) and not math.isfinite(value):
            value = str(value)
        return {
            "name": self.name,
            "value": value,
            "interval": [estimate.low, estimate.high] if estimate else None,
            "threshold": str(self.threshold),
            "source": self.source,
        }


@dataclasses.dataclass(frozen=True, eq=False)
class ImageList:
    """Training images that a remedy leaves out.

    Attributes:
        name: Of the file that lists them, without its suffix.
        rows: Their positions in the training split: int64 [n].
        likely: The class that each is likely to be of, int [n]; -1 if not known.
        reason: Why they are listed, in words.
    """

    name: str
    rows: np.ndarray
    likely: np.ndarray
    reason: str

    def __len__(self) -> int:
        return len(self.rows)


@dataclasses.dataclass(frozen=True, eq=False)
class Remedy:
    """What to do about a cause.

    Attributes:
        text: In words.
        flags: As flags of the training command, each quoted for a shell.
        code: As lines of Python for a Keras program.
        intervention: The same as an object, which trials run; None if it takes a
            person, such as one who relabels images.
        images: The training images that it leaves out; None if it leaves out none.
    """

    text: str
    flags: tuple[str, ...] = ()
    code: tuple[str, ...] = ()
    intervention: Intervention | None = None
    images: ImageList | None = None

    def as_json(self) -> dict[str, Any]:
        """Returns a JSON value."""
        change = self.intervention
        return {
            "text": self.text,
            "flags": list(self.flags),
            "code": list(self.code),
            "intervention": None if change is None else change.as_json(),
        }


@dataclasses.dataclass(frozen=True, eq=False)
class Finding:
    """A cause and how certain it is.

    Attributes:
        cause: Which.
        status: One of `STATUSES`. Only a decisive measurement or a trial confirms.
        message: The evidence, in a sentence.
        evidence: The numbers that support it.
        remedy: What to do.
        refute: How to refute it: a command or a measurement.
        cost: An accuracy, from 0 to 1; None if it was not measured.
        cost_kind: What that is: one of `COST_KINDS`.
    """

    cause: Cause
    status: str
    message: str
    evidence: tuple[Evidence, ...]
    remedy: Remedy
    refute: str
    cost: Estimate | None = None
    cost_kind: str = "gain"

    def __post_init__(self) -> None:
        if self.cost_kind not in COST_KINDS:
            raise ValueError(
                f"{self.cost_kind!r} is not one of {', '.join(COST_KINDS)}"
            )
        if self.status not in STATUSES:
            raise ValueError(f"{self.status!r} is not one of {', '.join(STATUSES)}")

    def as_json(self) -> dict[str, Any]:
        """Returns a JSON value; costs are in percentage points."""
        cost = self.cost
        interval = None if cost is None else [100 * cost.low, 100 * cost.high]
        return {
            "cause": self.cause.name,
            "status": self.status,
            "message": self.message,
            "cost_kind": self.cost_kind,
            "cost_points": None if cost is None else 100 * cost.value,
            "cost_interval": interval,
            "evidence": [each.as_json() for each in self.evidence],
            "remedy": self.remedy.as_json(),
            "refute": self.refute,
        }
