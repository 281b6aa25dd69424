"""Verifies a run: recomputes parts of its training, and compares all bits.

Nothing is written in the run's folder.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from framework.config import Config
from framework.data import record as data_record
from framework.data.dataset import Dataset
from framework.data.record import DataRecord
from framework.distributed import determinism
from framework.errors import UsageError
from framework.launch import (
    checks,
    checksums,
    environment,
    resume,
    run_folder,
    stretches,
)
from framework.launch.differences import Difference
from framework.launch.rebuild import rebuild
from framework.launch.recompute import NotRecomputableError, Recomputer
from framework.launch.stretches import Stretch
from framework.models import ModelFunction
from framework.report.history import History

AGREES, DIFFERS, UNDECIDED = "agrees", "differs", "undecided"


@dataclasses.dataclass(frozen=True)
class Verification:
    """What recomputing parts of a run has shown.

    Attributes:
        steps: The number of steps of the run, up to its last checkpoint.
        recomputed: The first and the last step of each recomputed stretch.
        differences: What differs, the first of each kind.
        environment: What the last bits depend on and is different here, a line each.
        obstacles: Stretches that cannot be recomputed, with the reason.
        arrays: The number of compared arrays of checkpoints.
        evaluations: The number of compared evaluations.
        notices: What was not compared.
    """

    steps: int
    recomputed: Sequence[tuple[int, int]] = ()
    differences: Sequence[Difference] = ()
    environment: Sequence[str] = ()
    obstacles: Sequence[str] = ()
    arrays: int = 0
    evaluations: int = 0
    notices: Sequence[str] = ()

    @property
    def covered(self) -> int:
        """The number of recomputed steps."""
        return sum(end - start for start, end in self.recomputed)

    @property
    def verdict(self) -> str:
        """AGREES, DIFFERS, or UNDECIDED.

        It is undecided where another processor could explain all differences, and where
        nothing could be recomputed.
        """
        if any(each.is_certain for each in self.differences):
            return DIFFERS
        return UNDECIDED if self.differences or not self.recomputed else AGREES

    def __str__(self) -> str:
        lines = [
            f"not the same here: {line}; bits may differ" for line in self.environment
        ]
        lines += [f"not recomputed: {line}" for line in self.obstacles]
        lines += self.notices
        if self.recomputed:
            listed = ", ".join(f"{start:,}-{end:,}" for start, end in self.recomputed)
            share = self.covered / max(self.steps, 1)
            lines.append(
                f"checked {self.covered:,} of {self.steps:,} steps ({share:.1%}): "
                f"{listed}; compared evaluations: {self.evaluations}, arrays: "
                f"{self.arrays}"
            )
        lines += [f"differs: {difference}" for difference in self.differences]
        meaning = {
            AGREES: "agrees: all that was recomputed has the same bits",
            DIFFERS: "differs: this is not what the configuration and the data give",
            UNDECIDED: "undecided: nothing could be recomputed",
        }
        verdict = meaning[self.verdict]
        if self.verdict == UNDECIDED and self.differences:
            verdict = (
                "undecided: numbers differ, but they were computed elsewhere; verify "
                "them on the same kind of processor, with the same versions"
            )
        return "\n".join([*lines, verdict])

    def as_json(self) -> dict[str, Any]:
        """Returns the same as JSON values."""
        return {
            "verdict": self.verdict,
            "steps": self.steps,
            "covered": self.covered,
            "recomputed": [list(each) for each in self.recomputed],
            "differences": [each.as_json() for each in self.differences],
            "environment": list(self.environment),
            "obstacles": list(self.obstacles),
            "arrays": self.arrays,
            "evaluations": self.evaluations,
            "notices": list(self.notices),
        }


def verify(
    folder: str,
    share: float = 0.02,
    seed: int = 0,
    model: ModelFunction | None = None,
    dataset: Dataset | None = None,
    progress: Callable[[str], None] = lambda line: None,
    *,
    trust_run: bool = False,
) -> Verification:
    """Recomputes randomly chosen stretches of a run, and compares all bits.

    Nothing is written in the run's folder. The run may still be training.

    Args:
        folder: The folder of the run.
        share: The least fraction of the run's steps to recompute, above 0 to 1. Whole
            stretches between kept checkpoints are recomputed, at least one.
        seed: Of the choice of stretches.
        model: The function that builds its model, if it was given in Python.
        dataset: Its data set, if it was given in Python.
        progress: Called with a line before each stretch is recomputed.
        trust_run: See `framework.launch.trust`.

    Raises:
        UsageError: There is no run, or none that has trained; see `rebuild`.
        RunError: The data cannot be read.
    """
    if not 0 < share <= 1:
        raise UsageError(f"share must be above 0 % and at most 100 %, not {share:.4g}")
    run = Path(folder)
    config = run_folder.read_config(run)
    points = stretches.kept(run)
    steps = points[-1].step
    history, differences = checksums.check(run, config, points)
    if history is None:
        return Verification(steps, differences=differences)
    changes = resume.changes(run)
    possible = stretches.between(points, config, changes)
    _use_threads(run)
    has_same_data = not any(change.data for change in changes)
    work = _Work(run, history, model, dataset, trust_run, has_same_data)
    work.differences += differences
    # Of the last configuration: it has the data, too.
    work.build(config)
    if not work.differences:
        order = stretches.shuffled(possible, seed)
        _recompute(work, order, share * steps, progress)
    obstacles = [f"{each}: {each.obstacle}" for each in possible if each.obstacle]
    if work.missing:
        work.notices.append(
            f"{work.missing} evaluations have no predictions to compare"
        )
    return Verification(
        steps,
        sorted(work.recomputed),
        work.differences,
        work.doubts,
        obstacles + work.obstacles,
        work.arrays,
        work.evaluations,
        work.notices,
    )


class _Work:
    """The state of a verification: what was compared so far.

    Args:
        run: The run's folder.
        history: Its evaluations.
        model: The function that builds its model, if it was given in Python.
        dataset: Its data set, if it was given in Python.
        trust_run: See `framework.launch.trust`.
        has_same_data: Whether the run had its data from its start.
    """

    def __init__(
        self,
        run: Path,
        history: History,
        model: ModelFunction | None,
        dataset: Dataset | None,
        trust_run: bool,
        has_same_data: bool,
    ):
        self.history = history
        self.recomputed: list[tuple[int, int]] = []
        self.differences: list[Difference] = []
        self.doubts: list[str] = []
        self.obstacles: list[str] = []
        self.notices: list[str] = []
        self.arrays = self.evaluations = self.missing = 0
        self._run, self._model, self._dataset = run, model, dataset
        self._trust_run, self._has_same_data = trust_run, has_same_data
        self._recomputers: dict[Config, Recomputer] = {}

    def build(self, config: Config) -> Recomputer:
        """Builds what recomputes with a config, once; compares the data."""
        if config in self._recomputers:
            return self._recomputers[config]
        own, built = rebuild(
            self._run,
            config,
            self._model,
            self._dataset,
            allow_data_change=True,
            trust_run=self._trust_run,
            for_same_bits=True,
        )
        checks.refuse_stream(built.examples.dataset, "a verification")
        if not self._recomputers:
            self._compare_data(built.data_record(own))
            self.doubts += environment.changes(self._run, determinism.threads())
            self.doubts += _devices(self._run, config)
        recomputer = Recomputer(self._run, built, config.keep_best, self._has_same_data)
        self._recomputers[config] = recomputer
        return recomputer

    def _compare_data(self, now: DataRecord) -> None:
        before = data_record.read(self._run)
        if before is None:
            self.notices.append("data not compared: there is no data.json")
            return
        self.differences += [
            Difference("data.json", None, "", line) for line in before.difference(now)
        ]
        splits = before.fields["splits"].items()
        partly = [f"{name} ({each.get('covers')})" for name, each in splits]
        if any(each.get("covers") != "content" for _, each in splits):
            self.notices.append(f"data.json covers {', '.join(partly)} only")

    def recompute(self, stretch: Stretch) -> None:
        """Recomputes a stretch, and adds what was found.

        Raises:
            NotRecomputableError: It depends on something that is not kept.
        """
        result = self.build(stretch.config)(stretch, self.history.rows)
        is_certain = not (self.doubts or stretch.doubts)
        self.doubts += [line for line in stretch.doubts if line not in self.doubts]
        self.differences += [
            dataclasses.replace(
                difference, is_certain=is_certain, start=stretch.start.step
            )
            for difference in result.differences
        ]
        self.recomputed.append((stretch.start.step, stretch.end.step))
        self.arrays += result.arrays
        self.evaluations += result.evaluations
        self.missing += result.missing


def _recompute(
    work: _Work,
    order: Sequence[Stretch],
    least: float,
    progress: Callable[[str], None],
) -> None:
    """Recomputes stretches until there are enough steps."""
    covered = 0
    for stretch in order:
        if covered and covered >= least:
            break
        progress(f"recomputing {stretch}")
        try:
            work.recompute(stretch)
        except NotRecomputableError as problem:
            work.obstacles.append(f"{stretch}: {problem}")
            continue
        covered += stretch.steps


def _use_threads(run: Path) -> None:
    """Computes with as many threads as the run, unless TensorFlow computes already."""
    threads = environment.recorded_threads(run)
    if threads != determinism.threads():
        with contextlib.suppress(UsageError):
            determinism.limit_threads(threads)


def _devices(run: Path, config: Config) -> list[str]:
    """Returns in what the devices differ from those of the run, a line each."""
    if config.shards:
        return []
    if config.strategy in ("multi_worker", "tpu"):
        return [f"--strategy={config.strategy} without --shards -> one process"]
    before, now = (
        sorted(device.rpartition("device:")[2] for device in devices)
        for devices in (
            environment.recorded_devices(run),
            [device.name for device in tf.config.list_logical_devices()],
        )
    )
    kinds = [{device.partition(":")[0] for device in each} for each in (before, now)]
    is_of_all = config.strategy == "mirrored" and not config.devices
    is_same = kinds[0] == kinds[1] and (before == now or not is_of_all)
    if not before or is_same:
        return []
    return [f"devices {', '.join(before)} -> {', '.join(now)}"]
