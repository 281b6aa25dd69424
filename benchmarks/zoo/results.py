"""The file of completed jobs: one JSON object a line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Line = dict[str, Any]


def completed(path: Path) -> list[Line]:
    """Returns the lines without an error, in order; none if there is no file."""
    if not path.exists():
        return []
    lines = []
    for text in path.read_text().splitlines():
        try:
            line = json.loads(text)
        except json.JSONDecodeError:
            # The last line of a process that was killed.
            continue
        if "error" not in line:
            lines.append(line)
    return lines


def append(path: Path, line: Line) -> None:
    """Appends a line to a file that other processes append to as well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as stream:
        stream.write(json.dumps(line) + "\n")
