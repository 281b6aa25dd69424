"""Trains the arms of a proof, each an ordinary run, and evaluates their images."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from framework.config import Config
from framework.data import examples as examples_lib
from framework.data import record as data_record
from framework.data.dataset import Dataset
from framework.errors import RunError, UsageError
from framework.launch import run as run_lib
from framework.launch import run_folder
from framework.launch.given import Given
from framework.launch.rebuild import rebuild
from framework.launch.role import PART
from framework.loop import checkpoint_files, nonfinite
from framework.loop.checkpoint_files import CheckpointFiles
from framework.loop.nonfinite import DivergedError
from framework.numerics.metrics import Predictions
from framework.prove import metric
from framework.prove.plan import Plan
from framework.report import predictions as predictions_lib
from framework.report.files import read_timing, total_seconds
from framework.report.history import History
from framework.system import attempts, claims

# The folder of an arm's predictions of the images that judge.
_JUDGED = "judged"
# Between two looks at arms that other processes hold.
_WAIT = 1.0
_NO_PROGRESS = lambda done, total: None  # noqa: E731


@dataclasses.dataclass(frozen=True, eq=False)
class Outcome:
    """What an arm has come to with one seed.

    Attributes:
        values: Of the images that judge, float64 [N], whose mean is the metric.
        validation: The same metric on the validation images, at the end.
        step: Its optimizer steps.
        seconds: How long it trained.
        has_diverged: Whether it ended with numbers that are not finite; then no image
            is right.
    """

    values: np.ndarray
    validation: float
    step: int
    seconds: float
    has_diverged: bool = False


class Arms:
    """The arms of a proof.

    Args:
        plan: The plan.
        config: Of the run.
        dataset: What the arms train and are judged on.
        given: What the arms cannot build by the config.
        folder: RUN/diagnosis/proof.
        progress: Called with a line about each run.
        clock: Returns seconds; for tests.
        pause: Waits for seconds; for tests.
    """

    def __init__(
        self,
        plan: Plan,
        config: Config,
        dataset: Dataset,
        given: Given,
        folder: Path,
        progress: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ):
        self._plan, self._config, self._folder = plan, config, folder
        self._dataset, self._given = dataset, given
        self._progress, self._clock, self._pause = progress, clock, pause
        self._seconds: list[float] = []

    def folder(self, arm: str, seed: int) -> Path:
        """Returns the folder of an arm with a seed."""
        return self._folder / f"{arm}-{seed}"

    def config(self, arm: str, seed: int) -> Config:
        """Returns the config of an arm with a seed; all arms share the seed."""
        return dataclasses.replace(
            self._config,
            **self._plan.arms[arm].changes,
            seed=seed,
            workdir=str(self.folder(arm, seed)),
            # Where validation images judge, they are given as the test part.
            test=self._config.test if self._plan.is_untouched else "",
            # Where it runs, and what is kept, changes no numbers.
            strategy="default",
            devices=0,
            keep_checkpoints=1,
            keep_best=1,
            evaluate_every=self._plan.evaluate_every or self._config.evaluate_every,
            hooks="",
            report="",
            diagnose=False,
            fresh=False,
            allow_config_change=False,
            allow_data_change=False,
        )

    def train(self, runs: Sequence[tuple[str, int]]) -> None:
        """Trains and judges arms, unless that has been done already.

        Any number of processes may call it: each takes the next arm that nobody else
        holds, and that of a process that has stopped. It returns when all are done.

        Args:
            runs: The name and the seed of each.

        Raises:
            UsageError: A folder has a run of another plan, or of other data.
            Stopped: A signal requested to stop; the same call resumes.
        """
        todo = [run for run in runs if not self._is_done(*run)]
        count, is_waiting = len(todo), False
        while todo:
            if self._run_one(todo, count):
                is_waiting = False
            else:
                if not is_waiting:
                    self._progress("waiting for the runs of other processes")
                is_waiting = True
                self._pause(_WAIT)
            todo = [run for run in todo if not self._is_done(*run)]

    def outcome(self, arm: str, seed: int) -> Outcome:
        """Returns the outcome of an arm that has been trained."""
        folder = self.folder(arm, seed)
        history = History(folder / "metrics.jsonl")
        seconds = total_seconds(read_timing(folder / "timing.jsonl"))
        predictions = self._judged(folder)
        if predictions is None:
            nothing = np.zeros(self._plan.data["test"]["images"])
            step = nonfinite.recorded_step(folder)
            return Outcome(nothing, 0.0, step, seconds, has_diverged=True)
        return Outcome(
            metric.values(self._plan.metric, predictions, self._dataset.class_names),
            float(history[f"validation/{self._plan.metric}"][-1]),
            int(history.last_step or 0),
            seconds,
        )

    def _run_one(self, todo: Sequence[tuple[str, int]], count: int) -> bool:
        """Trains and judges the first arm that nobody else holds.

        Args:
            todo: The arms that are left.
            count: How many there were.

        Returns:
            Whether there was one.
        """
        for arm, seed in todo:
            # Not the lock of the run, which ends before it is judged.
            with claims.claimed(self._folder / f"{arm}-{seed}.lock") as is_held:
                if not is_held or self._is_done(arm, seed):
                    continue
                of_all = f"run {count - len(todo) + 1} of {count} to the next look"
                self._progress(f"{arm}, seed {seed}: {of_all}{self._rest(todo)}")
                start = self._clock()
                self._attempt(arm, seed)
                self._seconds.append(self._clock() - start)
                return True
        return False

    def _attempt(self, arm: str, seed: int) -> None:
        """Trains and judges an arm.

        Raises:
            RunError: Several processes have ended while training it.
        """
        path = self._folder / f"{arm}-{seed}.attempts"
        history = History(self.folder(arm, seed) / "metrics.jsonl")
        with attempts.counted(path, len(history)) as is_allowed:
            if not is_allowed:
                raise RunError(
                    f"{attempts.MOST} processes have ended while training {arm}, seed "
                    f"{seed}, without a message; see whether it has too little memory"
                )
            self._run(arm, seed)

    def _rest(self, todo: Sequence[tuple[str, int]]) -> str:
        """Returns the speed so far and the time that is left, in words."""
        if not self._seconds:
            return ""
        mean = sum(self._seconds) / len(self._seconds)
        return f"; {mean:.1f} s a run, about {mean * len(todo):.0f} s left"

    def _is_done(self, arm: str, seed: int) -> bool:
        """Returns whether an arm is trained and judged.

        Raises:
            UsageError: The folder has a run of another plan, or of other data.
        """
        folder = self.folder(arm, seed)
        if self._judged(folder) is None and not self._has_diverged(folder):
            return False
        self._check(arm, seed)
        return True

    def _run(self, arm: str, seed: int) -> None:
        config, folder = self.config(arm, seed), self.folder(arm, seed)
        given = self._given
        # That it diverges is a result: it is right about nothing.
        with contextlib.suppress(DivergedError):
            run_lib.run(config, given.builder, given.dataset, quiet=True, role=PART)
        self._check(arm, seed)
        if self._has_diverged(folder):
            return
        step, predictions = _predicted(config, self._dataset, given)
        (folder / _JUDGED).mkdir(exist_ok=True)
        predictions_lib.write(folder / _JUDGED, step, predictions)

    def _judged(self, folder: Path) -> Predictions | None:
        """Returns the predictions of the images that judge; None before these."""
        files = predictions_lib.read_all(folder / _JUDGED)
        return files[max(files)] if files else None

    def _has_diverged(self, folder: Path) -> bool:
        return nonfinite.recorded_step(folder) > 0

    def _check(self, arm: str, seed: int) -> None:
        """Checks that a folder has the run and the data of the plan.

        Raises:
            UsageError: It has another.
        """
        folder = self.folder(arm, seed)
        difference = run_folder.read_config(folder).difference(self.config(arm, seed))
        if self._given.dataset is not None:
            difference.pop("dataset", None)
        record = data_record.read(folder)
        same_data = record is None or record.fields["splits"] == self._plan.data
        if difference or not same_data:
            other = ", ".join(difference) or "the data"
            raise UsageError(
                f"the run in {folder} is not that of plan.json: {other} differ(s); "
                f"move it aside, and rerun the same command"
            )


def _predicted(
    config: Config, dataset: Dataset, given: Given
) -> tuple[int, Predictions]:
    """Returns the steps of a finished run, and its predictions of the test part."""
    folder = Path(config.workdir)
    # This process has just executed the code that the config names.
    _, built = rebuild(folder, config, given.builder, given.dataset, trust_run=True)
    latest = CheckpointFiles(folder / "checkpoints", folder / "best").latest()
    if latest is None:
        raise RunError(f"{folder}/checkpoints has no weights; rerun the same command")
    checkpoint_files.assign(built.variables(), latest.values, latest.path)
    split = dataset.test
    assert split is not None, "the plan has images that judge"
    # The servers of --input=service have the other splits only.
    mode = "stream" if config.input == "service" else config.input
    batches = examples_lib.batches(split, mode, built.strategy, _NO_PROGRESS)
    rows = np.arange(len(split), dtype=np.int32)
    return latest.step, built.evaluator(batches)(rows)
