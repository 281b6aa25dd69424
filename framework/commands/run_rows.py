"""The rows of `whyflat runs`: one for each run, and one for each sweep."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from framework.errors import RunError, UsageError
from framework.launch.run_list import RunSummary
from framework.numerics.intervals import Estimate
from framework.sweep import record
from framework.sweep import summary as summary_lib
from framework.sweep.summary import SweepSummary
from framework.system.printable import printable

HEADINGS = ("run", "state", "epochs", "best", "last", "monitor", "confirmed causes")


@dataclasses.dataclass(frozen=True, eq=False)
class Row:
    """A row of the list.

    Attributes:
        folder: The folder of the run or of the sweep.
        state: How far it is.
        best: The best value of the monitor, of a sweep the mean over seeds of its best
            trial; NaN if there is none.
        last: The last value.
        monitor: The metric.
        confirmed: The causes that diagnoses have confirmed.
        fields: All that JSON has of it.
        epoch: Of a run: how far it was evaluated.
    """

    folder: Path
    state: str
    best: Estimate
    last: Estimate
    monitor: str
    confirmed: Sequence[str]
    fields: Mapping[str, Any]
    epoch: float | None = None

    def cells(self, root: Path) -> tuple[str, ...]:
        """Returns the cells of the table, below `HEADINGS`.

        Args:
            root: The folder that is listed.
        """
        is_root = self.folder == root
        name = self.folder if is_root else self.folder.relative_to(root)
        return (
            printable(str(name)),
            self.state,
            "" if self.epoch is None else f"{self.epoch:.3g}",
            _shown(self.best),
            _shown(self.last),
            self.monitor,
            ", ".join(self.confirmed),
        )


def of_run(run: RunSummary) -> Row:
    """Returns the row of a run."""
    state = "complete" if run.is_complete else "incomplete"
    if run.problem:
        state = "unreadable"
    elif run.is_inexact:
        state += ", inexact"
    confirmed = _causes(run)
    fields = {
        "kind": "run",
        "folder": str(run.folder),
        "state": state,
        "inexact": run.is_inexact,
        "problem": run.problem,
        "step": run.step,
        "epoch": run.epoch,
        "monitor": run.monitor,
        "best": _finite(run.best),
        "last": _finite(run.last),
        "confirmed": confirmed,
    }
    best, last = (Estimate(x, -math.inf, math.inf) for x in (run.best, run.last))
    return Row(run.folder, state, best, last, run.monitor, confirmed, fields, run.epoch)


def by_sweep(runs: Sequence[RunSummary], root: Path) -> list[Row]:
    """Returns a row for each sweep below a folder, and for each other run, in order.

    Runs of a sweep whose sweep.json is damaged have rows of their own.

    Args:
        runs: The runs in the folder.
        root: The folder.
    """
    groups: dict[Path, list[RunSummary]] = {}
    for run in runs:
        sweep = record.sweep_of(run.folder)
        is_below = sweep is not None and root in sweep.parents
        groups.setdefault(sweep if sweep and is_below else run.folder, []).append(run)
    rows = []
    for folder, members in groups.items():
        if folder != members[0].folder:
            try:
                rows.append(_of_sweep(summary_lib.summarize(folder, members), members))
                continue
            except UsageError:
                pass
        rows += map(of_run, members)
    return rows


def _of_sweep(sweep: SweepSummary, runs: Sequence[RunSummary]) -> Row:
    counts = ", ".join(f"{count} {state}" for state, count in sweep.trials.items())
    is_inexact = any(run.is_inexact for run in runs)
    state = f"sweep: {counts}{', inexact' if is_inexact else ''}"
    members = [of_run(run) for run in runs]
    confirmed = sorted({cause for row in members for cause in row.confirmed})
    trial = sweep.best_trial
    fields = {
        "kind": "sweep",
        "folder": str(sweep.folder),
        "state": state,
        "inexact": is_inexact,
        "trials": dict(sweep.trials),
        "monitor": sweep.monitor,
        "best_trial": None if trial is None else str(trial),
        "best": _finite(sweep.best.value),
        "best_interval": [_finite(sweep.best.low), _finite(sweep.best.high)],
        "last": _finite(sweep.last.value),
        "last_interval": [_finite(sweep.last.low), _finite(sweep.last.high)],
        "confirmed": confirmed,
        "runs": [row.fields for row in members],
    }
    return Row(
        sweep.folder, state, sweep.best, sweep.last, sweep.monitor, confirmed, fields
    )


def _shown(estimate: Estimate) -> str:
    """Returns a value with its interval, which a single run does not have; or ""."""
    if math.isnan(estimate.value):
        return ""
    margin = estimate.high - estimate.value
    return f"{estimate.value:.4g}{f' +- {margin:.2g}' if margin < math.inf else ''}"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _causes(run: RunSummary) -> list[str]:
    """Returns the confirmed causes of a run's current diagnosis."""
    # Imported here, because it takes seconds; without a diagnosis, none is needed.
    if not (run.folder / "diagnosis").is_dir():
        return []
    from framework.diagnose.report import stored

    try:
        findings = stored.read_findings(run.folder) or ()
    except RunError:
        return []
    return [finding.cause for finding in findings if finding.status == "confirmed"]
