"""One trial of a sweep: trains a setting with each seed, an ordinary run each."""

from __future__ import annotations

import dataclasses
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
from optuna.trial import FrozenTrial, Trial

from framework.config import Config
from framework.errors import UsageError
from framework.loop.nonfinite import DivergedError
from framework.numerics.metrics import Predictions
from framework.report import Report
from framework.report.history import History
from framework.sweep import record, table
from framework.sweep.settings import WILCOXON, Settings

# How many runs of a trial were trained to the end when it was pruned.
_PRUNED_AFTER = "pruned after"
# Trains, or resumes, the run in the folder of a config, and tells these reports.
Train = Callable[[Config, Sequence[Report]], object]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a trial has come to.

    Attributes:
        value: The mean over seeds of the last evaluation, of those before it was
            pruned; None if none was trained to the end.
        problem: Why it failed; else "".
        is_pruned: Whether the pruner has stopped it.
    """

    value: float | None
    problem: str = ""
    is_pruned: bool = False

    @property
    def state(self) -> str:
        """One of the states of `framework.sweep.table.Row`."""
        if self.problem:
            return table.FAILED
        return table.PRUNED if self.is_pruned else table.COMPLETE

    def __str__(self) -> str:
        if self.problem or self.value is None:
            return self.problem or "pruned"
        return f"{'pruned at ' if self.is_pruned else ''}{self.value:.4f}"


def run_trial(
    trial: Trial,
    configs: Callable[[], Sequence[Config]],
    settings: Settings,
    train: Train,
) -> Outcome:
    """Trains a trial; resumes what another process has left of it.

    Successive halving looks at the evaluations of the first run only: the other seeds
    are trained for what has come through. The test over seeds looks at the last
    evaluation of each run.

    Args:
        trial: The trial, which this process has claimed.
        configs: Returns those of its runs, by seed.
        settings: What the sweep is.
        train: Trains a run.

    Raises:
        RunError: Something else than the values of the trial is wrong.
        Stopped: A signal requested to stop; the trial can be claimed again.
    """
    try:
        return _trained(trial, configs(), settings, train)
    except (DivergedError, UsageError, tf.errors.ResourceExhaustedError) as problem:
        return Outcome(None, str(problem).partition("\n")[0])


def is_pruned(trial: Trial | FrozenTrial) -> bool:
    """Returns whether the pruner has stopped a trial, which may not be finished yet."""
    return _PRUNED_AFTER in trial.user_attrs


def configs(
    folder: Path, number: int, config: Config, seeds: Sequence[int]
) -> list[Config]:
    """Returns the configs of the runs of a trial, by seed.

    Args:
        folder: The folder of the sweep.
        number: Of the trial.
        config: With the values of the trial.
        seeds: Of the runs.
    """
    return [
        dataclasses.replace(
            config, seed=seed, workdir=str(record.run_folder(folder, number, seed))
        )
        for seed in seeds
    ]


def last(folder: Path, monitor: str) -> float:
    """Returns a metric of the last evaluation of a run; NaN if there is none."""
    values = History(folder / "metrics.jsonl")[monitor]
    return float(values[-1]) if len(values) else math.nan


def _trained(
    trial: Trial, configs: Sequence[Config], settings: Settings, train: Train
) -> Outcome:
    """Trains the runs of a trial, until the pruner stops it."""
    monitor, is_over_seeds = settings.monitor, settings.pruner == WILCOXON
    values: list[float] = []
    # Known before if a process has ended between the decision and the end of the trial.
    stop = trial.user_attrs.get(_PRUNED_AFTER)
    for place, config in enumerate(configs[:stop]):
        folder = Path(config.workdir)
        is_watched = place == 0 and not is_over_seeds
        try:
            train(config, [_Pruning(trial, monitor, folder)] if is_watched else [])
        except _Pruned:
            break
        values.append(last(folder, monitor))
        if not math.isfinite(values[-1]):
            return Outcome(None, f"{monitor} is {values[-1]}")
        if is_over_seeds:
            _report(trial, values[-1], place)
            is_last = place + 1 == len(configs)
            if stop is None and not is_last and _is_stopped(trial, place + 1):
                break
    mean = sum(values) / len(values) if values else None
    return Outcome(mean, is_pruned=len(values) < len(configs))


def _report(trial: Trial, value: float, step: int) -> None:
    """Tells the pruner a value, unless it was told before."""
    with warnings.catch_warnings():
        # A resumed run repeats what its process did not save.
        warnings.simplefilter("ignore", UserWarning)
        trial.report(value, step)


def _is_stopped(trial: Trial, count: int) -> bool:
    """Returns whether the pruner stops a trial; records then after how many runs."""
    with warnings.catch_warnings():
        # Of values that are not finite.
        warnings.simplefilter("ignore", UserWarning)
        is_stopped = trial.should_prune()
    if is_stopped:
        trial.set_user_attr(_PRUNED_AFTER, count)
    return is_stopped


class _Pruned(Exception):  # noqa: N818
    """The pruner has stopped a run."""


class _Pruning(Report):
    """Tells the pruner each evaluation, and stops the run if it says so.

    Args:
        trial: The trial.
        monitor: The metric.
        folder: The folder of the run.
    """

    def __init__(self, trial: Trial, monitor: str, folder: Path):
        self._trial, self._monitor, self._folder = trial, monitor, folder

    def evaluated(
        self,
        step: int,
        metrics: Mapping[str, float],
        predictions: Mapping[str, Predictions],
    ) -> None:
        """See base class.

        Raises:
            _Pruned: The pruner stops the trial.
        """
        value: Any = metrics.get(self._monitor, math.nan)
        _report(self._trial, float(value), len(History(self._folder / "metrics.jsonl")))
        if _is_stopped(self._trial, 0):
            raise _Pruned
