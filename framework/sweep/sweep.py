"""Sweeps: the work of one of the processes that share a sweep."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from framework.config import Config
from framework.report.files import read_timing, total_seconds
from framework.report.history import History
from framework.sweep import record, table, trial
from framework.sweep.settings import Settings
from framework.sweep.study import Finished, Study
from framework.sweep.table import Row, shown
from framework.sweep.trial import Train
from framework.system import atomic, attempts

# In the folder of a trial, while a process trains it.
_ATTEMPTS = "attempts.json"
_KILLED = f"{attempts.MOST} processes have ended while training it, without a message"
# Between two looks at trials that other processes hold.
_WAIT = 1.0


def sweep(
    folder: Path,
    settings: Settings,
    config_of: Callable[[Mapping[str, Any]], Config],
    base: Mapping[str, Any],
    train: Train,
    progress: Callable[[str], None] = lambda line: None,
    pause: Callable[[float], None] = time.sleep,
    mark: Callable[[Path, bool], object] = lambda folder, is_complete: None,
) -> list[Row]:
    """Trains trials until none is left, and writes sweep.csv.

    Any number of processes may call it with the same arguments. Each returns when the
    last trial is finished, and takes up those of processes that have stopped.

    Args:
        folder: The folder of the sweep.
        settings: What the sweep is.
        config_of: Returns the config with the values of a trial.
        base: All else that a trial depends on, as JSON values.
        train: Trains a run.
        progress: Called with a line about each trial.
        pause: Waits for seconds.
        mark: Called with the folder of each run of a finished trial, and with whether
            the trial was trained to the end with each seed. It may be called again.

    Returns:
        The trials, by number.

    Raises:
        UsageError: The folder has another sweep, or something else.
        RunError: A run fails for other reasons than its values.
        Stopped: A signal requested to stop; the same call resumes.
    """
    name = record.opened(folder, {**settings.as_json(), "run": base})
    study = Study(folder, name, settings)
    worker = _Worker(folder, settings, study, config_of, train, progress, mark)
    is_waiting = False
    while study.remaining() > 0:
        if worker.run_one():
            is_waiting = False
            continue
        if not is_waiting:
            progress("waiting for the trials of other processes")
        is_waiting = True
        pause(_WAIT)
    rows = [_row(folder, settings, each) for each in study.finished()]
    atomic.write_text(folder / record.TABLE, table.as_csv(rows, settings.monitor))
    return rows


@dataclasses.dataclass(frozen=True, eq=False)
class _Worker:
    """One of the processes of a sweep; see `sweep`."""

    folder: Path
    settings: Settings
    study: Study
    config_of: Callable[[Mapping[str, Any]], Config]
    train: Train
    progress: Callable[[str], None]
    mark: Callable[[Path, bool], object]

    def run_one(self) -> bool:
        """Trains a trial that nobody holds; returns whether there was one."""
        with self.study.claimed() as claim:
            if claim is None:
                return False
            values = self.study.suggested(claim)
            what = ", ".join(f"{name}={shown(value)}" for name, value in values.items())
            name = f"trial {claim.number} of {self.settings.trials}"
            self.progress(f"{name}: {what}")
            place = record.trial_folder(self.folder, claim.number) / _ATTEMPTS
            evaluations = self._evaluations(claim.number)
            with attempts.counted(place, evaluations) as is_allowed:
                result = trial.Outcome(None, _KILLED)
                if is_allowed:
                    result = trial.run_trial(
                        claim,
                        lambda: self._configs(claim.number, values),
                        self.settings,
                        self.train,
                    )
            # Until it is told, the trial is claimed again if this process is killed.
            self._conclude(claim.number, result.state)
            self.study.tell(claim, result)
            self.progress(f"{name}: {result}")
            return True

    def _conclude(self, number: int, state: str) -> None:
        """Records how a trial ended, in its folder and in those of its runs."""
        record.write_outcome(self.folder, number, state)
        for folder in self._runs(number):
            if (folder / "metrics.jsonl").exists():
                self.mark(folder, state == table.COMPLETE)

    def _evaluations(self, number: int) -> int:
        """Returns how many evaluations the runs of a trial have."""
        return sum(len(History(each / "metrics.jsonl")) for each in self._runs(number))

    def _runs(self, number: int) -> list[Path]:
        """Returns the folders of the runs of a trial, which may not exist yet."""
        seeds = self.settings.space.seeds
        return [record.run_folder(self.folder, number, seed) for seed in seeds]

    def _configs(self, number: int, values: Mapping[str, Any]) -> list[Config]:
        config, seeds = self.config_of(values), self.settings.space.seeds
        return trial.configs(self.folder, number, config, seeds)


def _row(folder: Path, settings: Settings, finished: Finished) -> Row:
    """Reads what the runs of a trial have come to."""
    metrics, seconds = [], 0.0
    for seed in settings.space.seeds:
        run = record.run_folder(folder, finished.number, seed)
        if (run / "metrics.jsonl").exists():
            metrics.append(trial.last(run, settings.monitor))
            seconds += total_seconds(read_timing(run / "timing.jsonl"))
    state = table.COMPLETE if finished.is_complete else table.PRUNED
    return Row(
        finished.number,
        table.FAILED if finished.problem else state,
        finished.values,
        tuple(metrics),
        seconds,
        str(record.trial_folder(folder, finished.number)),
        finished.problem,
    )
