"""RUN/diagnosis/test_openings.jsonl: each time that the test part was opened.

A number that many choices were made by is no longer that of untouched images. This file
says how often it was looked at. It is in the one folder of a run that readers write to.
"""

from __future__ import annotations

import dataclasses
import json
import os
import time
from pathlib import Path
from typing import Any

from framework.errors import RunError
from framework.system import atomic, json_text
from framework.system.json_text import InvalidJsonError


@dataclasses.dataclass(frozen=True)
class Opening:
    """An opening of the test part.

    Attributes:
        command: What opened it, such as "evaluate".
        step: The optimizer steps of the weights that were evaluated.
        weights: Which weights of the run: "best", "last", or those of a remedy.
        accuracy: Accuracy on the test part.
        images: The number of test images.
        digest: Of the test images and labels, as in data.json.
    """

    command: str
    step: int
    weights: str
    accuracy: float
    images: int
    digest: str


def path_of(run: Path) -> Path:
    """Returns where the openings of the run in a folder are recorded."""
    return run / "diagnosis" / "test_openings.jsonl"


def count(run: Path) -> int:
    """Returns how often the test part of a run was opened; damaged lines count too.

    Args:
        run: The folder of the run.

    Raises:
        RunError: The file cannot be read.
    """
    path = path_of(run)
    try:
        content = atomic.read_bytes(path)
    except (FileNotFoundError, NotADirectoryError):
        return 0
    except OSError as problem:
        raise RunError(f"{path} cannot be read: {problem.strerror}") from None
    return sum(bool(line.strip()) for line in content.splitlines())


def read(run: Path) -> list[dict[str, object]]:
    """Returns the openings of a run in order; an empty one for a damaged line.

    Args:
        run: The folder of the run.
    """
    try:
        lines = atomic.read_bytes(path_of(run)).splitlines()
    except OSError:
        return []
    openings: list[dict[str, object]] = []
    for line in filter(bytes.strip, lines):
        try:
            openings.append(json_text.parse_object(line))
        except InvalidJsonError:
            openings.append({})
    return openings


def prepare(run: Path) -> int:
    """Checks that an opening can be recorded, before anything is looked at.

    Args:
        run: The folder of the run; `diagnosis/` is created in it.

    Returns:
        How often the test part was opened before.

    Raises:
        RunError: It cannot be recorded, for instance because the folder is another
            user's.
    """
    path = path_of(run)
    try:
        path.parent.mkdir(exist_ok=True)
        # A link could lead to anything of this user's.
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
        os.close(os.open(path.parent, flags))
    except OSError as problem:
        raise _not_recorded(path, problem.strerror or "it cannot be opened") from None
    is_writable = os.access(path if path.exists() else path.parent, os.W_OK)
    if path.is_symlink() or not is_writable:
        raise _not_recorded(path, "permission denied")
    return count(run)


def record(run: Path, opening: Opening) -> None:
    """Records an opening; call it before its result is shown to anybody.

    Args:
        run: The folder of the run.
        opening: The opening.

    Raises:
        RunError: It cannot be recorded.
    """
    path = path_of(run)
    line: dict[str, Any] = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        **dataclasses.asdict(opening),
    }
    try:
        atomic.append_line(path, json.dumps(line))
    except OSError as problem:
        raise _not_recorded(path, problem.strerror or "unknown error") from None


def notice(run: Path, before: int) -> str:
    """Returns a line for people about an opening that has been recorded.

    Args:
        run: The folder of the run.
        before: How often the test part was opened before.
    """
    often = {0: "for the first time", 1: "once before"}.get(
        before, f"{before} times before"
    )
    if before:
        often += "; choices made by earlier numbers make this one too good"
    return f"this test part was opened {often} (recorded in {path_of(run)})"


def _not_recorded(path: Path, reason: str) -> RunError:
    return RunError(
        f"the test part is not opened, because that cannot be recorded in {path} "
        f"({reason}); copy the run to a folder of your own"
    )
