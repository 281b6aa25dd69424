"""Counts the attempts at a piece of work that ends its process, so that one gives up.

A process that is killed, such as by a lack of memory, can record nothing. So each
attempt is recorded before it begins, and taken back when it ends in any way that the
process survives. Attempts that come further than those before do not count: work that
is interrupted again and again, as on a preemptible machine, goes on.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from framework.system import atomic, json_text
from framework.system.json_text import InvalidJsonError

# After this many attempts that came no further, there is no other.
MOST = 3


@contextlib.contextmanager
def counted(path: Path, progress: int) -> Iterator[bool]:
    """Counts an attempt while it lasts; the caller holds a claim on the work.

    Args:
        path: The file of the count; there is none between attempts.
        progress: How far the work has come, such as in evaluations.

    Yields:
        Whether to try; not after `MOST` processes have ended at this progress.
    """
    before = _read(path)
    count = before.get("attempts", 0) if before.get("progress") == progress else 0
    if count < MOST:
        fields = {"attempts": count + 1, "progress": progress}
        atomic.write_text(path, json.dumps(fields) + "\n")
    try:
        yield count < MOST
    finally:
        path.unlink(missing_ok=True)


def _read(path: Path) -> dict[str, Any]:
    try:
        return json_text.parse_object(atomic.read_bytes(path))
    except (FileNotFoundError, InvalidJsonError):
        return {}
