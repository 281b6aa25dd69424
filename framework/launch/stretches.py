"""Stretches of a run's training between kept checkpoints, and a choice of them."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from framework.config import Config
from framework.errors import RunError, UsageError
from framework.launch.resume import Change
from framework.loop import checkpoint_files
from framework.loop.checkpoint_files import CheckpointFiles


@dataclasses.dataclass(frozen=True)
class Kept:
    """A step of which a run's folder has the state.

    Attributes:
        step: The step; 0 is that of the initial weights, which follow from the seed.
        latest: The file in checkpoints/; None if there is none.
        best: The file in best/, saved before the schedule has seen the evaluation; None
            if there is none.
    """

    step: int
    latest: Path | None = None
    best: Path | None = None

    @property
    def paths(self) -> list[Path]:
        """The files."""
        return [path for path in (self.latest, self.best) if path is not None]


@dataclasses.dataclass(frozen=True)
class Stretch:
    """The training between two consecutive kept checkpoints.

    Attributes:
        start: Where it starts.
        end: Where it ends.
        config: The configuration that it was trained with.
        doubts: Why its last bits may be others here, a line each; see `environment`.
        obstacle: Why it cannot be recomputed; "" if it can be.
    """

    start: Kept
    end: Kept
    config: Config
    doubts: Sequence[str] = ()
    obstacle: str = ""

    @property
    def steps(self) -> int:
        """The number of steps."""
        return self.end.step - self.start.step

    def __str__(self) -> str:
        return f"steps {self.start.step:,} to {self.end.step:,}"


def kept(folder: Path) -> list[Kept]:
    """Returns the kept checkpoints of a run, and its initial state, by step.

    Args:
        folder: The run's folder.

    Raises:
        UsageError: It has no checkpoint.
    """
    files = CheckpointFiles(folder / "checkpoints", folder / "best")
    latest = _by_step(checkpoint_files.checkpoint_paths(files.folder))
    best = _by_step(checkpoint_files.checkpoint_paths(files.best))
    steps = sorted({0, *latest, *best})
    if not steps[-1]:
        raise UsageError(f"the run in {folder} has no checkpoint of a trained step")
    return [Kept(step, latest.get(step), best.get(step)) for step in steps]


def between(
    points: Sequence[Kept], config: Config, changes: Sequence[Change]
) -> list[Stretch]:
    """Returns the stretches between kept checkpoints, with the config of each.

    Args:
        points: From `kept`.
        config: The configuration of the run.
        changes: From `resume.changes`.

    Raises:
        RunError: An earlier configuration is not valid.
    """
    stretches = []
    for start, end in itertools.pairwise(points):
        inside = [each for each in changes if start.step < each.step < end.step]
        obstacle = ""
        if any(each.data for each in changes if each.step > start.step):
            obstacle = "it was trained with other data, before they were changed"
        elif any(each.old for each in inside):
            obstacle = f"the configuration was changed at step {inside[0].step:,}"
        doubts = [
            f"{line}, at step {each.step:,}"
            for each in changes
            for line in each.rounding
            if each.step > start.step
        ]
        before = _before(config, changes, end.step)
        stretches.append(Stretch(start, end, before, doubts, obstacle))
    return stretches


def shuffled(stretches: Sequence[Stretch], seed: int) -> list[Stretch]:
    """Returns the stretches that can be recomputed, in random order.

    Args:
        stretches: From `between`.
        seed: Of the order.
    """
    possible = [stretch for stretch in stretches if not stretch.obstacle]
    order = np.random.default_rng(seed).permutation(len(possible))
    return [possible[index] for index in order]


def _by_step(paths: Iterable[Path]) -> Mapping[int, Path]:
    return {checkpoint_files.step_of(path): path for path in paths}


def _before(config: Config, changes: Sequence[Change], end: int) -> Config:
    """Returns the config before the changes at a step and later."""
    known = {field.name for field in dataclasses.fields(Config)}
    for change in reversed(changes):
        if change.step >= end and change.old:
            old = {name: old for name, old in change.old.items() if name in known}
            try:
                config = dataclasses.replace(config, **old)
            except (UsageError, TypeError) as problem:
                raise RunError(
                    f"changes.jsonl, step {change.step:,}: {problem}; restore the file"
                ) from None
    return config
