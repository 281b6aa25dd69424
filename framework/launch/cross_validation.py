"""Trains all folds of a cross-validation, one after the other: --folds=5."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from framework.config import Config
from framework.errors import RunError, UsageError
from framework.launch import run as run_lib
from framework.launch.result import Result
from framework.numerics import intervals
from framework.numerics.intervals import Estimate

_ACCURACY = "validation/accuracy"


def train(
    config: Config,
    count: int,
    run: Callable[[Config], Result] = run_lib.run,
    write: Callable[[str], object] = print,
) -> Estimate:
    """Trains each fold in a folder of its own, and prints their mean.

    The folds are ordinary runs in WORKDIR/fold-1, fold-2, ..., or each in a folder that
    is chosen for it where no WORKDIR is given. The same call resumes them. The mean is
    of the last evaluations: the best of each fold would be chosen on the images that it
    is measured on.

    Args:
        config: The configuration, without a fold.
        count: The number of folds.
        run: Trains a run.
        write: Writes a line.

    Returns:
        The mean of the last validation accuracies, with Student's t interval. Folds
        share training images, so it is too narrow in general (Bengio & Grandvalet,
        2004).

    Raises:
        UsageError: The config has a fold, or the number of folds is out of range.
        RunError: A run has no evaluation.
    """
    check(config, count)
    values: list[float] = []
    for index in range(1, count + 1):
        fold = dataclasses.replace(config, fold=f"{index}/{count}")
        if config.workdir != Config.workdir:
            folder = str(Path(config.workdir) / f"fold-{index}")
            fold = dataclasses.replace(fold, workdir=folder)
        history = run(fold).history
        accuracies = history[_ACCURACY]
        if not len(accuracies):
            raise RunError(
                f"the run of fold {index}/{count} has no evaluation; train for longer"
            )
        values.append(float(accuracies[-1]))
    for index, value in enumerate(values, 1):
        write(f"fold {index}/{count}: {_ACCURACY} {value:.2%}")
    mean = intervals.mean(values)
    write(
        f"mean of {count} folds: {mean.value:.2%}, 95 % interval {mean.low:.2%} to "
        f"{mean.high:.2%} (Student's t; folds share training images, so it is too "
        f"narrow in general)"
    )
    return mean


def check(config: Config, count: int) -> None:
    """Checks that a config can be trained fold by fold.

    Raises:
        UsageError: It cannot.
    """
    if count < 2:
        raise UsageError(
            f"--folds must be at least 2, not {count}; leave it out for none"
        )
    if config.fold:
        raise UsageError(
            f"--folds={count} trains all folds and --fold={config.fold} one of them; "
            f"leave out one of both"
        )
    if config.strategy == "multi_worker":
        raise UsageError(
            "--folds trains in one process; with --strategy=multi_worker, train each "
            "fold by --fold"
        )
    if config.diagnose:
        raise UsageError(
            "--folds trains several runs; diagnose one of them with whyflat diagnose"
        )
