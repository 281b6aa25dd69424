"""Repairs one cause after the other, and sees by how much each of them helps.

A cause is tried on top of those that were confirmed before it: what an earlier one has
explained, a later one cannot explain again. Each attempt starts anew and has a part of
the time of the run only; where it ends above where the run has ended, with all its
time, the cause is confirmed.
"""

from __future__ import annotations

import dataclasses
import functools
import operator
from collections.abc import Callable, Mapping

import numpy as np

from framework.diagnose.change import CannotChangeError, Change
from framework.diagnose.finding import Evidence, Finding
from framework.diagnose.subject import Branch, Subject
from framework.numerics.intervals import Estimate, paired_difference

# The part of the original training that an attempt takes.
SHARE = 1 / 3
# Shorter ones show nothing; and so little costs seconds, whatever the budget.
_LEAST_STEPS, _FREE_STEPS = 300, 1_500
# A gain of less is not worth a finding; our own choice.
FLOOR = 0.03
# Nor is one that is small beside what others have brought, or beside all errors: a
# healthy recipe can be improved upon. Of many errors ten points are enough.
_PART, _MOST = 0.25, 0.10


class Repairs:
    """What has been mended so far, and what it has brought.

    Args:
        subject: What is diagnosed.
        budget: How much attempts may train in all, in units of the original training.
        progress: Told what is being done.
    """

    def __init__(
        self, subject: Subject, budget: float, progress: Callable[[str], None]
    ):
        self.subject = subject
        self._progress = progress
        epochs = float(subject.settings["epochs"])
        per_epoch = subject.settings["steps_per_epoch"]
        self._left = max(budget * epochs, _FREE_STEPS / per_epoch)
        # But none is longer than what it is compared with.
        self._length = min(max(SHARE * epochs, _LEAST_STEPS / per_epoch), epochs)
        self._change = Change()
        self._right = subject.right("validation")
        self._failed: list[tuple[str, Change]] = []
        self._begin = float(np.mean(self._right))
        self._clean = float(np.mean(subject.right("train")))

    @property
    def right(self) -> np.ndarray:
        """Which validation images are right after the repairs so far: bool [N]."""
        return self._right

    def can_afford(self, attempts: float = 1.0) -> bool:
        """Returns whether the budget is enough for so many more attempts."""
        return attempts * self._length <= self._left + 1e-9

    def attempt(
        self, name: str, change: Change, fresh: bool = True, share: float = 1.0
    ) -> Branch:
        """Trains with one more change.

        Args:
            name: What it is called.
            change: What is different, besides the repairs so far.
            fresh: Whether from the first step; else from the last.
            share: Of the usual length.

        Raises:
            CannotChangeError: The program has nothing to change so.
        """
        epochs = share * self._length
        self._progress(
            f"trying to mend {name}: {epochs:.3g} epochs of the {self._left:.3g} left"
        )
        found = self.subject.program.experiment(
            name, self._change | change, epochs, fresh
        )
        self._left -= epochs
        return found

    def gain(self, branch: Branch) -> Estimate:
        """Returns by how much a branch is better than what was reached so far."""
        return paired_difference(self.rights(branch), self._right)

    def rights(self, branch: Branch) -> np.ndarray:
        """Returns for which validation images a branch is right: bool [N]."""
        return branch.predicted == self.subject.validation.labels

    def accept(self, branch: Branch, change: Change) -> None:
        """Has all that follows be tried on top of a change, and compared with it."""
        self._change |= change
        self._right = self.rights(branch)
        if change.train is None:
            self._clean = float(np.mean(branch.clean == self.subject.train.labels))

    @property
    def has_mended(self) -> bool:
        """Whether an attempt has been accepted."""
        return bool(self._change.differences())

    @property
    def has_gained(self) -> bool:
        """Whether what was mended so far has helped."""
        return float(np.mean(self._right)) - self._begin >= FLOOR

    @property
    def gap(self) -> float:
        """Accuracy on training images after the repairs so far, less validation's."""
        return self._clean - float(np.mean(self._right))

    @property
    def floor(self) -> float:
        """The least gain that counts: also a part of what is missing, or was gained."""
        reached = float(np.mean(self._right))
        missing = min(_PART * (1.0 - reached), _MOST)
        return max(FLOOR, missing, _PART * (reached - self._begin))

    @property
    def is_done(self) -> bool:
        """Whether nothing is left that another cause could explain."""
        return 1.0 - float(np.mean(self._right)) < self.floor

    def tried(self, finding: Finding, change: Change) -> Finding:
        """Returns a suspicion as confirmed or falsified by an attempt to mend it."""
        if not self.can_afford():
            return finding
        try:
            branch = self.attempt(finding.cause, change)
        except CannotChangeError:
            return finding
        gain = self.gain(branch)
        floor = self.floor
        if is_gain(gain, floor):
            self.accept(branch, change)
        else:
            self._failed.append((finding.cause, change))
        shown = _shown(gain, f"the interval above 0, and {floor:.0%} or more", branch)
        return dataclasses.replace(
            finding,
            status=status(gain, floor),
            evidence=(*finding.evidence, shown),
            cost=gain,
        )

    def assumed(self, finding: Finding, change: Change) -> Finding:
        """Returns a finding that is certain with what it brings to mend it.

        Whatever that is, others are tried on top of it: behind a fault that alone is
        enough, theirs cannot be seen.
        """
        if not self.can_afford():
            return finding
        try:
            branch = self.attempt(finding.cause, change)
        except CannotChangeError:
            return finding
        gain = self.gain(branch)
        if gain.high < 0:
            return finding
        self.accept(branch, change)
        shown = _shown(gain, "shown only", branch)
        return dataclasses.replace(
            finding, evidence=(*finding.evidence, shown), cost=finding.cost or gain
        )

    def together(self) -> tuple[set[str], Estimate | None]:
        """Mends at once what one by one did not help, where nothing else did.

        Returns:
            The causes that are needed for what all of them gain, and that; none if
            there is no gain, or nothing to try.
        """
        causes = dict(self._failed)
        # Nobody can raise a rate and lower it.
        if "learning_rate_too_low" in causes:
            causes.pop("learning_rate_too_high", None)
        least = 1 if self.has_mended else 2
        if self.has_gained or len(causes) < least or not self.can_afford():
            return set(), None
        branch = self._all(causes, "all together")
        gain = branch and self.gain(branch)
        if not gain or not is_gain(gain, self.floor):
            return set(), None
        for cause in [*causes] if len(causes) > 2 else []:
            rest = {name: each for name, each in causes.items() if name != cause}
            other = self._all(rest, f"all but {cause}") if self.can_afford() else None
            if other and not is_gain(
                paired_difference(self.rights(branch), self.rights(other)), FLOOR
            ):
                causes, branch = rest, other
        self.accept(branch, functools.reduce(operator.or_, causes.values()))
        return set(causes), gain

    def _all(self, causes: Mapping[str, Change], name: str) -> Branch | None:
        try:
            return self.attempt(name, functools.reduce(operator.or_, causes.values()))
        except CannotChangeError:
            return None


def _shown(gain: Estimate, threshold: str, branch: Branch) -> Evidence:
    return Evidence(
        "gain in validation accuracy once mended",
        gain,
        threshold,
        f"trained anew for {branch.epochs:.3g} epochs, against the run's end",
    )


def is_gain(gain: Estimate, floor: float = FLOOR) -> bool:
    """Returns whether something is better for certain, and by enough."""
    return gain.low > 0 and gain.value >= floor


def status(gain: Estimate | None, floor: float = FLOOR) -> str:
    """Returns what an attempt has made of a suspicion; None stands for no attempt."""
    if gain is None:
        return "suspected"
    return "confirmed" if is_gain(gain, floor) else "falsified"
