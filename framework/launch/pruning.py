"""Deletes checkpoints of runs, or whole runs, on request and after a look.

`plan` reads only. `delete` holds a run's lock, and looks again at what it deletes.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from framework.errors import UsageError
from framework.launch import run_folder, run_list, sources
from framework.launch.run_list import RunSummary
from framework.loop import checkpoint_files
from framework.numerics.metrics import direction
from framework.system import archive, atomic
from framework.system.archive import DamagedError

CHECKPOINTS, FOLDERS = "checkpoints", "folders"
KINDS = (CHECKPOINTS, FOLDERS)
# The last to be deleted: what is half-deleted is listed as a run until then.
_LAST = "config.json"
_FILES = (
    _LAST,
    "flags.txt",
    "flags.remedied.txt",
    "environment.json",
    "data.json",
    "changes.jsonl",
    sources.RECORD,
    "metrics.jsonl",
    "timing.jsonl",
)
_OWN_FOLDERS = (*run_folder.FOLDERS, sources.FOLDER, sources.DIAGNOSIS)
_NONFINITE = "nonfinite-step-*.npz"


@dataclasses.dataclass(frozen=True, eq=False)
class Candidate:
    """A run that may be pruned.

    Attributes:
        run: Its summary.
        kept: Why nothing of it is deleted; "" if something is.
        size: The number of bytes that would be freed.
    """

    run: RunSummary
    kept: str = ""
    size: int = 0


def plan(runs: Sequence[RunSummary], kind: str, keep: int) -> list[Candidate]:
    """Returns a candidate for deletion of each run, in their order; deletes nothing.

    Args:
        runs: The runs to choose from.
        kind: One of `KINDS`. Checkpoints are those to resume from, of complete runs
            whose best weights can be read; folders are whole runs.
        keep: The number of runs to keep, the best by their --monitor.

    Raises:
        UsageError: The best cannot be told, because runs have different monitors.
    """
    best = _best(runs, keep)
    lists = _lists(runs) if kind == FOLDERS else {}
    candidates = []
    for run in runs:
        kept = f"one of the best {keep}" if run.folder in best else ""
        kept = kept or lists.get(run.folder, "") or _obstacle(run, kind)
        if not kept:
            with _locked(run.folder) as holder:
                kept = holder
        size = 0 if kept else sum(map(_size, _paths(run.folder, kind)))
        candidates.append(Candidate(run, kept, size))
    return candidates


def delete(folder: Path, kind: str) -> str:
    """Deletes checkpoints of a run, or the run; nothing outside of its folder.

    Args:
        folder: The folder of a run that `plan` has found.
        kind: See `plan`.

    Returns:
        Why nothing was deleted, such as that the run has been resumed; "" if it was.

    Raises:
        OSError: Something cannot be deleted; the same call goes on.
    """
    with _locked(folder) as holder:
        kept = holder or _obstacle(run_list.summarize(folder), kind)
        if kept:
            return kept
        for path in _paths(folder, kind):
            if path.is_dir() and not path.is_symlink():
                # It does not follow links.
                shutil.rmtree(path)
            else:
                path.unlink()
        if kind == FOLDERS:
            folder.rmdir()
    return ""


def _best(runs: Sequence[RunSummary], keep: int) -> set[Path]:
    """Returns the folders of the best runs by their monitor."""
    ranked = [run for run in runs if run.best == run.best]
    monitors = sorted({run.monitor for run in ranked})
    if keep and len(monitors) > 1:
        raise UsageError(
            f"the runs have different --monitor, {', '.join(monitors)}, by which the "
            f"best {keep} cannot be told; give a folder in which they have one"
        )
    ranked.sort(key=lambda run: -direction(run.monitor) * run.best)
    return {run.folder for run in ranked[:keep]}


def _lists(runs: Sequence[RunSummary]) -> dict[Path, str]:
    """Returns why runs are needed whose lists of images others leave out."""
    needed = {}
    for run in runs:
        texts = run.config.exclude.split(",") if run.config else []
        for path in (Path(text).resolve() for text in texts if text):
            for other in runs:
                is_inside = path.is_relative_to(other.folder.resolve())
                if is_inside and other.folder != run.folder:
                    needed[other.folder] = f"{run.folder} has --exclude={path}"
    return needed


def _obstacle(run: RunSummary, kind: str) -> str:
    """Returns why nothing of a run may be deleted, as far as its files tell; or ""."""
    folder = run.folder
    if run.config is None or run.problem:
        return f"not a readable run: {run.problem}"
    if folder.lstat().st_uid != os.geteuid():
        return "of another user"
    if kind == CHECKPOINTS:
        if not run.is_complete:
            return "incomplete: it could not be resumed"
        if not _has_best(folder):
            return "best/ has no readable weights"
        if (folder / CHECKPOINTS).is_symlink():
            return f"{CHECKPOINTS} is a symbolic link"
        return "" if any(_paths(folder, kind)) else "it has no checkpoints"
    for path in sorted(folder.iterdir()):
        if path.is_symlink():
            return f"{path.name} is a symbolic link"
        if not _is_own(path):
            return f"{path.name} is not of a run"
    return ""


def _has_best(folder: Path) -> bool:
    """Returns whether the best weights are there and whole."""
    for path in checkpoint_files.checkpoint_paths(folder / "best"):
        with contextlib.suppress(DamagedError):
            archive.read(path)
            return True
    return False


def _is_own(path: Path) -> bool:
    """Returns whether an entry of a run's folder is one that training makes."""
    if path.is_dir():
        return path.name in _OWN_FOLDERS
    is_known = path.name in _FILES or path.match(_NONFINITE)
    return is_known or path.suffix == atomic.SUFFIX


def _paths(folder: Path, kind: str) -> list[Path]:
    """Returns the paths to delete in a run's folder, in order."""
    if kind == CHECKPOINTS:
        place = folder / CHECKPOINTS
        incomplete = sorted(place.glob(f"*{atomic.SUFFIX}"))
        return [*checkpoint_files.checkpoint_paths(place), *incomplete]
    return sorted(folder.iterdir(), key=lambda path: (path.name == _LAST, path.name))


def _size(path: Path) -> int:
    """Returns the bytes of a file, or of all files in a folder; follows no links."""
    if not path.is_dir() or path.is_symlink():
        return path.lstat().st_size
    return sum(
        os.lstat(os.path.join(place, name)).st_size
        for place, _, names in os.walk(path)
        for name in names
    )


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[str]:
    """Locks a run and its diagnosis; yields who holds them otherwise, or ""."""
    with contextlib.ExitStack() as stack:
        for path, holder in (
            (folder, "running"),
            (folder / sources.DIAGNOSIS, "being diagnosed, or its remedy proven"),
        ):
            try:
                flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
                descriptor = os.open(path, flags)
            except FileNotFoundError:
                continue
            except OSError as problem:
                yield f"{path.name} cannot be opened: {problem.strerror}"
                return
            stack.callback(os.close, descriptor)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield holder
                return
        yield ""
