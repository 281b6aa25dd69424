"""Recomputes a stretch of a run's training in a temporary folder, and compares it.

The run's own loop trains. Nothing is written in the run's folder.
"""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from framework import compiled
from framework.errors import RunError
from framework.launch.comparison import Comparison
from framework.launch.components import Components
from framework.launch.differences import Difference
from framework.launch.stretches import Kept, Stretch
from framework.loop import checkpoint_files
from framework.loop.checkpoint import Checkpoints
from framework.loop.nonfinite import NonFiniteError
from framework.loop.plan import Plan
from framework.loop.stop import Stop
from framework.loop.train import train
from framework.numerics.metrics import Predictions
from framework.report import Report
from framework.report.history import History, Row
from framework.system import archive
from framework.system.archive import Values


class NotRecomputableError(Exception):
    """A stretch depends on something that the run's folder does not have."""


@dataclasses.dataclass(frozen=True)
class Recomputed:
    """What a stretch was compared with.

    Attributes:
        differences: The first difference of each kind, in the order of the steps.
        arrays: The number of compared arrays of checkpoints.
        evaluations: The number of compared evaluations.
        missing: The number of evaluations whose predictions are not kept.
    """

    differences: list[Difference]
    arrays: int
    evaluations: int
    missing: int


class Recomputer:
    """Recomputes stretches of one configuration.

    Args:
        folder: The run's folder.
        built: The components, with initial weights.
        keep_best: The number of best evaluations that the run keeps.
        has_same_data: Whether the run had these data from its start: then they give the
            statistics that normalize pixels.
    """

    def __init__(
        self, folder: Path, built: Components, keep_best: int, has_same_data: bool
    ):
        self._folder = folder
        self._built = built
        self._keep_best = keep_best
        self._variables = built.variables()
        self._evaluations = built.evaluations()
        self._initial = self._values()
        self._of_data = {
            name: value
            for name, value in self._initial.items()
            if name.startswith("normalize/") and has_same_data
        }

    def __call__(self, stretch: Stretch, rows: list[Row]) -> Recomputed:
        """Recomputes a stretch and compares it.

        Args:
            stretch: The stretch.
            rows: The evaluations of the run, from metrics.jsonl.

        Raises:
            NotRecomputableError: It depends on something that is not kept.
            RunError: Predictions are damaged, or a checkpoint was deleted meanwhile.
        """
        plan = dataclasses.replace(
            self._built.plan, halt=stretch.end.step, early_stopping=0
        )
        start = stretch.start
        files = {path: read(path) for path in (*start.paths, *stretch.end.paths)}
        if problems := self._foreign(files):
            return Recomputed(problems, 0, 0, 0)
        with tempfile.TemporaryDirectory(prefix="verify-") as name:
            history = self._prepare(start, rows, plan, Path(name))
            watch = _Watch(stretch.end.step, history, plan, self._values)
            if self._built.state.learning_rate.restores_best:
                watch.best = Path(name, "best")
            problem = self._train(start, history, plan, watch, Path(name))
        is_pending = _is_before_evaluation(stretch.end, files, plan)
        expected = {}
        if not problem:
            expected = self._expected(stretch, watch, is_pending)
        comparison = Comparison(self._folder, stretch, is_pending)
        differences = comparison.of_evaluations(
            rows, watch.history.rows, watch.predictions
        )
        if differences:
            # Other lines have another fingerprint.
            files, expected = _without_history(files), _without_history(expected)
        differences += comparison.of_predictions(watch.predictions)
        differences += comparison.of_checkpoints(files, expected)
        if problem:
            path = str(stretch.end.paths[0].relative_to(self._folder))
            detail = f"recomputed, {problem}"
            differences.append(Difference(path, stretch.end.step, "", detail))
        return Recomputed(
            differences,
            sum(len(files[path]) for path in expected),
            len(watch.predictions),
            comparison.missing,
        )

    def _foreign(self, files: Mapping[Path, Values]) -> list[Difference]:
        """Returns the checkpoints that are of another model."""
        required = checkpoint_files.must_match(self._variables)
        differences = []
        for path, values in files.items():
            try:
                checkpoint_files.check(required, values, path)
            except RunError as problem:
                name = str(path.relative_to(self._folder))
                step = checkpoint_files.step_of(path)
                _, _, detail = str(problem).partition("is of another")
                differences.append(
                    Difference(name, step, "", f"is of another{detail} by config.json")
                )
        return differences

    def _expected(
        self, stretch: Stretch, watch: _Watch, is_pending: bool
    ) -> dict[Path, Values]:
        """Returns the recomputed arrays of the checkpoints of a stretch, by file."""
        start, end = stretch.start, stretch.end
        expected: dict[Path, Values] = {}
        if start.step == 0 and start.latest is not None:
            expected[start.latest] = {"step": np.asarray(0), **self._initial}
        states = {
            end.latest: watch.states["logged"] if is_pending else watch.saved,
            end.best: watch.states.get("evaluated", {}),
        }
        for path in end.paths:
            step = {"step": np.asarray(end.step)}
            expected[path] = {**step, **states[path], **self._of_data}
        return expected

    def _prepare(
        self, start: Kept, rows: list[Row], plan: Plan, folder: Path
    ) -> History:
        """Writes the state to start from into a folder, as a run has it.

        Returns:
            The history up to there.
        """
        history = History(folder / "metrics.jsonl")
        for row in rows:
            if row["step"] <= start.step:
                history.append(int(row["step"]), _metrics(row))
        for name in ("checkpoints", "best"):
            (folder / name).mkdir()
        for name, variable in self._variables.items():
            variable.assign(self._initial[name])
        for path in self._best_before(start):
            shutil.copyfile(path, folder / "best" / path.name)
        if not start.step:
            # The initial weights are those of the seed, whatever a file has.
            return history
        if start.latest is not None:
            shutil.copyfile(start.latest, folder / "checkpoints" / start.latest.name)
        elif start.best is not None:
            self._observe_best(start, start.best, history, plan)
            path = folder / "checkpoints" / start.best.name
            archive.write(path, start.step, self._values())
        return history

    def _best_before(self, start: Kept) -> list[Path]:
        """Returns the weights to which the schedule may return, one file a step."""
        if not self._built.state.learning_rate.restores_best:
            return []
        folders = self._folder / "checkpoints", self._folder / "best"
        paths = [
            path for each in folders for path in checkpoint_files.checkpoint_paths(each)
        ]
        by_step = {checkpoint_files.step_of(path): path for path in paths}
        return [path for step, path in by_step.items() if step <= start.step]

    def _observe_best(
        self, start: Kept, path: Path, history: History, plan: Plan
    ) -> None:
        """Restores a best checkpoint, and shows its evaluation to the schedule."""
        checkpoint_files.assign(self._variables, archive.read(path), path)
        if history.last_step != start.step:
            raise NotRecomputableError(
                f"metrics.jsonl lacks the evaluation of step {start.step:,}"
            )
        rate = self._built.state.learning_rate
        is_best = history.ranked(plan.monitor)[:1] == [start.step]
        if rate.observe(start.step, _metrics(history.rows[-1])) and not is_best:
            raise NotRecomputableError(
                f"the schedule returned to the best weights at step {start.step:,}"
            )

    def _train(
        self, start: Kept, history: History, plan: Plan, watch: _Watch, folder: Path
    ) -> str:
        """Trains to the end of the stretch; returns the problem if it does not."""
        checkpoints = Checkpoints(
            folder / "checkpoints",
            folder / "best",
            self._variables,
            keep=1,
            keep_best=self._keep_best,
        )
        built = self._built
        rollbacks = built.state.nonfinite["rollbacks"]
        before = int(rollbacks.numpy())
        try:
            with compiled.collectable_graphs():
                train(
                    built.state,
                    built.loop,
                    self._evaluations,
                    plan,
                    history,
                    checkpoints,
                    watch,
                    watch.stop,
                )
        except NonFiniteError as problem:
            return f"the numbers are not finite at step {problem.step:,}"
        finally:
            checkpoints.close()
        step, values = checkpoints.last
        is_best_only = start.latest is None and start.step > 0
        if is_best_only and int(rollbacks.numpy()) > before:
            raise NotRecomputableError(
                "the run returned to an earlier checkpoint, which is not kept"
            )
        if step != plan.halt:
            return f"training ends at step {step:,}"
        watch.saved = {**values, **history.fingerprint()}
        return ""

    def _values(self) -> Values:
        return {name: variable.numpy() for name, variable in self._variables.items()}


class _Watch(Report):
    """Keeps what a stretch gives: states at its end, and predictions.

    Args:
        end: The step at which to stop.
        history: The evaluations so far.
        plan: The event schedule.
        values: Returns a copy of the state.

    Attributes:
        stop: Ends the training.
        history: The evaluations so far.
        best: The folder of the best weights, if the schedule may return to these.
        states: The state at the end before the evaluation ("logged") and after it, but
            before the schedule has seen it ("evaluated").
        saved: The state at the end as a checkpoint has it.
        predictions: Those of validation, by step.
    """

    def __init__(
        self, end: int, history: History, plan: Plan, values: Callable[[], Values]
    ):
        self._end = end
        self._plan = plan
        self._values = values
        self.stop = Stop()
        self.stop.expect_asks()
        self.history = history
        self.best: Path | None = None
        self.states: dict[str, Values] = {}
        self.saved: Values = {}
        self.predictions: dict[int, Predictions] = {}

    def advanced(self, step: int, seconds: float) -> None:
        """See base class."""
        if step >= self._end:
            self.stop.ask("the stretch ends here")

    def logged(self, step: int, metrics: Mapping[str, float]) -> None:
        """See base class."""
        if step == self._end:
            fingerprint = self.history.fingerprint()
            self.states["logged"] = {**self._values(), **fingerprint}

    def evaluated(
        self,
        step: int,
        metrics: Mapping[str, float],
        predictions: Mapping[str, Predictions],
    ) -> None:
        """See base class."""
        self.predictions[step] = predictions["validation"]
        if step == self._end:
            self.states["evaluated"] = self._values()

    def rescaled(self, step: int, before: float, after: float) -> None:
        """See base class.

        Raises:
            NotRecomputableError: The schedule returns to weights that are not kept.
        """
        if self.best is None:
            return
        best = self.history.ranked(self._plan.monitor)[0]
        if not (self.best / checkpoint_files.file_name(best)).exists():
            raise NotRecomputableError(
                f"the schedule returned at step {step:,} to the weights of step "
                f"{best:,}, which are not kept"
            )


def _is_before_evaluation(end: Kept, files: Mapping[Path, Values], plan: Plan) -> bool:
    """Returns whether a checkpoint was saved before the evaluation of its own step.

    A signal interrupted that evaluation; see `framework.loop.train`.
    """
    if end.latest is None or not plan.evaluates(end.step):
        return False
    return int(files[end.latest].get("totals/examples", 0)) > 0


def _without_history(files: Mapping[Path, Values]) -> dict[Path, Values]:
    return {
        path: {
            name: value
            for name, value in values.items()
            if not name.startswith("history/")
        }
        for path, values in files.items()
    }


def read(path: Path) -> Values:
    """Reads a checkpoint of a run that may be training.

    Raises:
        RunError: It is damaged, or was deleted meanwhile.
    """
    try:
        return archive.read(path)
    except archive.DamagedError:
        if path.exists():
            raise
        raise RunError(
            f"{path} was deleted meanwhile, since the run is training; run the same "
            f"command again"
        ) from None


def _metrics(row: Row) -> Row:
    return {name: value for name, value in row.items() if name != "step"}
