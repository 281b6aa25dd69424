"""What the folder of a sweep says, without Optuna: its trials, and the best of them."""

from __future__ import annotations

import collections
import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from framework.numerics import intervals
from framework.numerics.intervals import Estimate
from framework.sweep import record, table
from framework.sweep.table import COMPLETE, Row

# Of a trial that is not finished: it is being trained, or the same command resumes it.
INCOMPLETE = "incomplete"
_STATES = (*table.STATES, INCOMPLETE)
_NOTHING = Estimate(math.nan, -math.inf, math.inf)


class Run(Protocol):
    """A run of a trial."""

    @property
    def folder(self) -> Path:
        """Its folder."""
        ...

    @property
    def is_complete(self) -> bool:
        """Whether it has its full length."""
        ...

    @property
    def monitor(self) -> str:
        """The metric of `best` and `last`; "" if its config cannot be read."""
        ...

    @property
    def best(self) -> float:
        """The best value of its monitor; NaN if there is none."""
        ...

    @property
    def last(self) -> float:
        """The last value."""
        ...


@dataclasses.dataclass(frozen=True, eq=False)
class SweepSummary:
    """A sweep, as far as its folder tells.

    Attributes:
        folder: The folder.
        trials: The number of trials by state, such as {"complete": 3, "pruned": 1}.
        monitor: The metric of `best` and `last`.
        best_trial: The folder of the best of the complete trials, by the mean over
            seeds of the last evaluation; None if there is none.
        best: The mean over its seeds of the best evaluation, with its 95 % interval;
            NaN if there is none.
        last: The same of the last evaluation.
    """

    folder: Path
    trials: Mapping[str, int]
    monitor: str
    best_trial: Path | None = None
    best: Estimate = _NOTHING
    last: Estimate = _NOTHING


def summarize(folder: Path, runs: Sequence[Run]) -> SweepSummary:
    """Summarizes a sweep.

    Args:
        folder: The folder of the sweep.
        runs: Its runs, one or more.

    Raises:
        UsageError: sweep.json is damaged.
    """
    seeds, outcomes = record.seeds(folder), record.outcomes(folder)
    members: dict[int, list[Run]] = {number: [] for number in outcomes}
    for run in runs:
        number = record.trial_number(run.folder.parent)
        if number is not None:
            members.setdefault(number, []).append(run)
    states = {
        number: outcomes.get(number) or _state(trial, len(seeds))
        for number, trial in members.items()
    }
    counts = collections.Counter(states.values())
    monitor = next((run.monitor for run in runs if run.monitor), "")
    rows = [
        Row(number, COMPLETE, {}, tuple(run.last for run in trial), 0.0, "")
        for number, trial in members.items()
        if trial and states[number] == COMPLETE
    ]
    summary = SweepSummary(
        folder, {state: counts[state] for state in _STATES if counts[state]}, monitor
    )
    if not rows:
        return summary
    first = table.ranked(rows, monitor)[0]
    return dataclasses.replace(
        summary,
        best_trial=record.trial_folder(folder, first.number),
        best=intervals.mean([run.best for run in members[first.number]]),
        last=first.estimate,
    )


def _state(runs: Sequence[Run], seeds: int) -> str:
    """Returns the state of a trial of an earlier version, which has no outcome.json."""
    is_complete = len(runs) == seeds and all(run.is_complete for run in runs)
    return COMPLETE if is_complete else INCOMPLETE
