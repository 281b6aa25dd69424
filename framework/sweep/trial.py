"""One trial of a sweep: trains a setting with each seed, an ordinary run each."""

from __future__ import annotations

import dataclasses
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
from optuna.trial import Trial

from framework.config import Config
from framework.errors import UsageError
from framework.loop.nonfinite import DivergedError
from framework.numerics.metrics import Predictions
from framework.report import Report
from framework.report.history import History
from framework.sweep import record

# Trains, or resumes, the run in the folder of a config, and tells these reports.
Train = Callable[[Config, Sequence[Report]], object]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a trial has come to.

    Attributes:
        value: The mean over seeds of the last evaluation; None if it was not trained
            to the end.
        problem: Why not; "" if it was pruned.
    """

    value: float | None
    problem: str = ""


def run_trial(
    trial: Trial,
    configs: Callable[[], Sequence[Config]],
    monitor: str,
    train: Train,
) -> Outcome:
    """Trains a trial; resumes what another process has left of it.

    The pruner looks at the evaluations of the first run only: the other seeds are
    trained for what has come through.

    Args:
        trial: The trial, which this process has claimed.
        configs: Returns those of its runs, by seed.
        monitor: The metric of an evaluation that is compared.
        train: Trains a run.

    Raises:
        RunError: Something else than the values of the trial is wrong.
        Stopped: A signal requested to stop; the trial can be claimed again.
    """
    try:
        value = _trained(trial, configs(), monitor, train)
    except _Pruned:
        return Outcome(None)
    except (DivergedError, UsageError, tf.errors.ResourceExhaustedError) as problem:
        return Outcome(None, str(problem).partition("\n")[0])
    if not math.isfinite(value):
        return Outcome(None, f"{monitor} is {value}")
    return Outcome(value)


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
    trial: Trial, configs: Sequence[Config], monitor: str, train: Train
) -> float:
    """Trains the runs of a trial; returns the mean of their last evaluations."""
    values = []
    for place, config in enumerate(configs):
        folder = Path(config.workdir)
        train(config, [] if place else [_Pruning(trial, monitor, folder)])
        values.append(last(folder, monitor))
    return sum(values) / len(values)


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
        # A resumed run repeats what its process did not save.
        count = len(History(self._folder / "metrics.jsonl"))
        with warnings.catch_warnings():
            # Of a step that was reported before.
            warnings.simplefilter("ignore", UserWarning)
            self._trial.report(float(value), count)
        if self._trial.should_prune():
            raise _Pruned
