"""Optuna's record of a sweep, which several processes share.

A trial is a claim (`framework.system.claims`) on its folder: one that is not finished
and that nobody holds was left by a process that has stopped, and is taken up first.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, Trial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from framework.errors import UsageError
from framework.numerics.metrics import direction
from framework.sweep import record
from framework.sweep.settings import (
    GRID,
    HALVING,
    P_THRESHOLD,
    TPE,
    WILCOXON,
    Settings,
)
from framework.sweep.space import Choices, Parameter
from framework.sweep.trial import Outcome, is_pruned
from framework.system import claims

# As Li et al. (2020), and Optuna: a quarter of the trials go on at each rung.
_REDUCTION = 4
# The evaluations before the first rung.
_FIRST_RUNG = 2
_PROBLEM = "problem"


@dataclasses.dataclass(frozen=True)
class Finished:
    """A finished trial.

    Attributes:
        number: Of the trial, from 0.
        values: By parameter.
        is_complete: Whether it was trained to the end with each seed.
        problem: Why it was not; "" if it was pruned.
    """

    number: int
    values: Mapping[str, Any]
    is_complete: bool
    problem: str


class Study:
    """The trials of a sweep.

    Args:
        folder: The folder of the sweep.
        name: The name of the study.
        settings: What the sweep is.
    """

    def __init__(self, folder: Path, name: str, settings: Settings):
        # Each process says itself what it does.
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._folder, self._settings = folder, settings
        with claims.exclusive(record.lock(folder)), _quiet():
            self._study = optuna.create_study(
                study_name=name,
                storage=_storage(folder, settings.storage),
                direction="maximize" if direction(settings.monitor) > 0 else "minimize",
                pruner=_pruner(settings.pruner),
                load_if_exists=True,
            )
            if settings.sampler == GRID:
                self._enqueue_grid()

    @contextlib.contextmanager
    def claimed(self) -> Iterator[Trial | None]:
        """Claims a trial that nobody holds, or a new one.

        Yields:
            The trial; None if there is none left to claim.
        """
        with contextlib.ExitStack() as stack:
            # Two processes that counted at once would start a trial too many.
            with claims.exclusive(record.lock(self._folder)), _quiet():
                trial = self._claim(stack)
            yield trial

    def suggested(self, trial: Trial) -> dict[str, Any]:
        """Returns the values of a trial by parameter."""
        parameters = self._settings.space.parameters
        return {name: _suggest(trial, name, each) for name, each in parameters.items()}

    def tell(self, trial: Trial, outcome: Outcome) -> None:
        """Records the result of a trial."""
        if outcome.problem:
            trial.set_user_attr(_PROBLEM, outcome.problem)
        if outcome.value is None:
            # Samplers count it among the worst.
            self._study.tell(trial, state=TrialState.PRUNED, skip_if_finished=True)
        else:
            self._study.tell(trial, outcome.value, skip_if_finished=True)

    def finished(self) -> list[Finished]:
        """Returns the finished trials, by number."""
        return [
            Finished(
                each.number,
                {name: each.params[name] for name in self._settings.space.parameters},
                each.state == TrialState.COMPLETE and not is_pruned(each),
                each.user_attrs.get(_PROBLEM, ""),
            )
            for each in self._trials()
            if each.state.is_finished()
        ]

    def remaining(self) -> int:
        """Returns how many trials are not finished."""
        return self._settings.trials - len(self.finished())

    def _trials(self) -> Sequence[FrozenTrial]:
        return self._study.get_trials(deepcopy=False)

    def _claim(self, stack: contextlib.ExitStack) -> Trial | None:
        trials = self._trials()
        for each in trials:
            if each.state == TrialState.RUNNING:
                claim = contextlib.ExitStack()
                is_free = self._hold(claim, each.number)
                # It may have been finished since it was listed.
                if is_free and not self._is_finished(each.number):
                    stack.enter_context(claim)
                    # Of the values that it may not have drawn yet.
                    self._study.sampler = _sampler(self._settings, each.number)
                    return Trial(self._study, each._trial_id)
                claim.close()
        started = sum(each.state != TrialState.WAITING for each in trials)
        if started >= self._settings.trials:
            return None
        # From its own seed, so that what a trial draws depends on its number only.
        self._study.sampler = _sampler(self._settings, started)
        trial = self._study.ask()
        self.suggested(trial)
        self._hold(stack, trial.number)
        return trial

    def _hold(self, stack: contextlib.ExitStack, number: int) -> bool:
        """Locks the folder of a trial; returns whether nobody else holds it."""
        folder = record.trial_folder(self._folder, number)
        folder.mkdir(exist_ok=True)
        return stack.enter_context(claims.claimed(folder / "trial.lock"))

    def _is_finished(self, number: int) -> bool:
        return self._trials()[number].state.is_finished()

    def _enqueue_grid(self) -> None:
        """Adds the points of the grid that a process before this one has not added."""
        points = self._settings.space.grid()
        for point in points[len(self._trials()) : self._settings.trials]:
            self._study.enqueue_trial(point)


class _FileLock:
    """The lock of a journal, which the system releases however a process ends.

    It has the methods of Optuna's own, which wait for half a minute where a process was
    killed that held one.

    Args:
        path: The journal.
    """

    def __init__(self, path: Path):
        self._path = path
        self._stack = contextlib.ExitStack()

    def acquire(self) -> bool:
        """Locks the journal; waits until no other process holds it."""
        lock = self._path.with_name(f"{self._path.name}.lock")
        self._stack.enter_context(claims.exclusive(lock))
        _remove_incomplete_line(self._path)
        return True

    def release(self) -> None:
        """Unlocks the journal."""
        self._stack.close()


def _remove_incomplete_line(path: Path) -> None:
    """Removes what a process that was killed, or a full disk, has left of a line."""
    with open(path, "r+b") as file:
        end = file.seek(0, os.SEEK_END)
        if not end:
            return
        file.seek(end - 1)
        if file.read(1) == b"\n":
            return
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)


def _storage(folder: Path, url: str) -> BaseStorage:
    if not url:
        path = folder / record.JOURNAL
        return JournalStorage(JournalFileBackend(str(path), lock_obj=_FileLock(path)))
    try:
        return optuna.storages.RDBStorage(url)
    except (ImportError, ValueError, SQLAlchemyError) as problem:
        reason = str(problem).partition("\n")[0]
        raise UsageError(f"--storage cannot be opened: {reason}") from None


def _sampler(settings: Settings, number: int) -> optuna.samplers.BaseSampler:
    # PCG64 and the like take the pair, but samplers take one number.
    seed = (settings.seed * 1_000_003 + number) % 2**32
    if settings.sampler == TPE:
        return optuna.samplers.TPESampler(seed=seed)
    return optuna.samplers.RandomSampler(seed=seed)


def _pruner(name: str) -> optuna.pruners.BasePruner:
    if name == HALVING:
        return optuna.pruners.SuccessiveHalvingPruner(
            min_resource=_FIRST_RUNG, reduction_factor=_REDUCTION
        )
    if name == WILCOXON:
        return optuna.pruners.WilcoxonPruner(p_threshold=P_THRESHOLD)
    return optuna.pruners.NopPruner()


def _suggest(trial: Trial, name: str, parameter: Parameter) -> Any:
    """Returns the value of a parameter; draws it unless that has been done."""
    if isinstance(parameter, Choices):
        return trial.suggest_categorical(name, parameter.values)
    low, high, is_log = parameter.low, parameter.high, parameter.is_log
    if parameter.is_integer:
        return trial.suggest_int(name, int(low), int(high), log=is_log)
    return trial.suggest_float(name, low, high, log=is_log)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hides warnings of Optuna that parts of it may change."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        yield
