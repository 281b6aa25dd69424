"""The rules that the outcome of a command must satisfy to count as handled."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Collection, Mapping
from pathlib import Path

from benchmarks.faults.fork_server import Outcome

USAGE, FAILURE, AGAIN, INTERRUPTED, CONFIRMED = 2, 1, 75, 130, 3
REFUSED = frozenset({USAGE, FAILURE})
# Lines of a warning or an error. A refused configuration is listed flag by flag.
MOST_LINES = 12
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0d\x0e-\x1f\x7f-\x9f]")
# A diagnosis prints its progress on stderr.
_PROGRESS = re.compile(rb"^(?!error)[^\n]*\.\.\.\n", re.M)
# Where a traceback or an abort comes from.
_RAISED = re.compile(r'File "[^"]*?((?:framework|experiments)/[^"]*)", line \d+, in')

_HUGE = 1 << 30

# The kind and content of each path of a folder.
Listing = dict[str, tuple[object, ...]]


def problem(outcome: Outcome, codes: Collection[int]) -> str | None:
    """Returns how a command mishandled a fault; None if it handled it.

    Args:
        outcome: Of the command.
        codes: The exit codes it may have.
    """
    stderr = warnings(outcome)
    if outcome.code is None:
        return "hangs"
    if outcome.code < 0:
        return f"dies of signal {-outcome.code}"
    if "Traceback (most recent call last)" in stderr:
        return f"traceback: {_last_error(stderr)}"
    if outcome.code not in codes:
        expected = " or ".join(map(str, sorted(codes)))
        return f"exit code {outcome.code}, not {expected}"
    for name, content in (("stdout", outcome.stdout), ("stderr", outcome.stderr)):
        try:
            text = content.decode()
        except UnicodeDecodeError:
            return f"{name} is not UTF-8"
        match = _CONTROL.search(text)
        if match:
            return f"raw control character {match[0]!r} on {name}"
    lines = [line for line in stderr.splitlines() if line.strip()]
    if len(lines) > MOST_LINES:
        return f"more than {MOST_LINES} lines on stderr"
    if outcome.code in REFUSED and not lines:
        return f"exit code {outcome.code} without a word"
    return None


def warnings(outcome: Outcome) -> str:
    """Returns the output of a command on stderr, without its progress lines."""
    return _PROGRESS.sub(b"", outcome.stderr).decode("utf-8", "backslashreplace")


def _last_error(stderr: str) -> str:
    """Returns the class of an uncaught exception, and its last frame in our code."""
    places = _RAISED.findall(stderr)
    errors = re.findall(r"^([\w.]+(?:Error|Exception|Exit|Interrupt)\b)", stderr, re.M)
    where = f" by {places[-1]}" if places else ""
    return (errors[-1].split(".")[-1] if errors else "unknown") + where


def listing(folder: Path) -> Listing:
    """Returns all entries below a folder; symbolic links are not followed."""
    entries: Listing = {}
    for place, folders, files in os.walk(folder):
        for name in folders + files:
            path = Path(place, name)
            relative = str(path.relative_to(folder))
            status = path.lstat()
            if stat.S_ISLNK(status.st_mode):
                entries[relative] = ("link", os.readlink(path))
            elif stat.S_ISREG(status.st_mode) and status.st_mode & 0o400:
                entries[relative] = ("file", _digest(path))
            else:
                entries[relative] = ("other", stat.S_IFMT(status.st_mode))
    return entries


def _digest(path: Path) -> str:
    """Returns a digest of a file; of a huge one, only of its size and start."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(size if size < _HUGE else 1 << 20)
    return f"{size} {hashlib.sha256(start).hexdigest()}"


def changes(before: Listing, after: Listing, free: Collection[str] = ()) -> str | None:
    """Returns the first path that was lost, changed or added; None if none was.

    Args:
        before: A listing.
        after: A later one.
        free: Folders whose content may change.
    """
    names = sorted(
        name
        for name in before.keys() | after.keys()
        if not f"{name}/".startswith(tuple(f"{each}/" for each in free))
        and before.get(name) != after.get(name)
    )
    if not names:
        return None
    # What is lost comes first.
    name = min(names, key=lambda each: (each in after, each not in before, each))
    how = "lost" if name not in after else "changed"
    return f"{'added' if name not in before else how}: {general(name)}"


def general(name: str) -> str:
    """Returns a path without the numbers that differ from run to run."""
    name = re.sub(r"events\.out\.tfevents\S*", "events", name)
    return re.sub(r"step-\d{8}", "step-N", name)


def environment(home: Path) -> Mapping[str, str]:
    """Returns environment variables for a command, with its own home folder."""
    return {"HOME": str(home), "COLUMNS": "88", "TF_CPP_MIN_LOG_LEVEL": "2"}
