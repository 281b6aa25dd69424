"""Compares a run's files by their checksums, and its settings; trains nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from framework.config import Config, flags
from framework.errors import RunError
from framework.launch.differences import Difference
from framework.launch.recompute import read
from framework.launch.stretches import Kept
from framework.report.history import History
from framework.system import atomic


def check(
    run: Path, config: Config, points: Sequence[Kept]
) -> tuple[History | None, list[Difference]]:
    """Reads the metrics, checkpoints and settings of a run, and compares checksums.

    Args:
        run: The run's folder.
        config: Its configuration.
        points: Its kept checkpoints.

    Returns:
        The history, None if it is damaged; and the differences.
    """
    differences = _settings(run, config)
    path = run / "metrics.jsonl"
    try:
        history = History(path)
    except RunError as problem:
        return None, [*differences, Difference(path.name, None, "", str(problem))]
    changed: list[Difference] = []
    for point in points:
        for each in point.paths:
            name = str(each.relative_to(run))
            try:
                values = read(each)
            except RunError as problem:
                differences.append(Difference(name, point.step, "", str(problem)))
                continue
            if conflict := history.difference(values):
                detail = f"{conflict}, by the checksum in {name}"
                changed.append(Difference(path.name, point.step, "", detail))
    # A changed line is in conflict with all checkpoints that follow.
    return history, [*differences, *changed[:1]]


def _settings(run: Path, config: Config) -> list[Difference]:
    """Compares config.json with flags.txt, which has the same values."""
    try:
        text = atomic.read_bytes(run / "flags.txt").decode(errors="replace")
    except OSError:
        return []
    values = [
        dict(map(_setting, each.splitlines()))
        for each in (text, flags.flagfile(config))
    ]
    return [
        Difference(
            "flags.txt", None, name, f"{value}, in config.json {values[1][name]}"
        )
        for name, value in values[0].items()
        if name in values[1] and values[1][name] != value
    ]


def _setting(line: str) -> tuple[str, str]:
    """Returns the name and the value of a line of a flag file."""
    name, has_value, value = line.removeprefix("--").partition("=")
    if has_value:
        return name, value
    return name.removeprefix("no"), str(not name.startswith("no"))
