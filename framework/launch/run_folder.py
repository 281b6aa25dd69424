"""A run's folder: its lock and its configuration."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from framework.config import Config, flags
from framework.errors import RunError, UsageError
from framework.system import atomic, json_text

# The first five are TensorBoard's.
FOLDERS = (
    "train",
    "train_clean",
    "train_dev",
    "validation",
    "summary",
    "predictions",
    "checkpoints",
    "best",
)
# Results of training; a run cannot resume from them without a checkpoint.
_RESULTS = (
    "metrics.jsonl",
    "timing.jsonl",
    "predictions/*.npz",
    "best/*.npz",
    "checkpoints/*.npz",
)


class InUseError(UsageError):
    """Another process uses the folder of a run."""


@contextlib.contextmanager
def opened(config: Config) -> Iterator[Path]:
    """Creates the run's folder, and locks it against other processes.

    Args:
        config: The configuration. With `fresh`, an existing folder is moved aside;
            nothing is deleted.

    Yields:
        The folder.

    Raises:
        UsageError: The folder is not that of a run, or, as an InUseError, is in use.
        RunError: The folder cannot be written to.
    """
    workdir = Path(config.workdir)
    try:
        if config.fresh and workdir.exists():
            with locked(workdir):
                workdir.rename(_unused_name(workdir))
        workdir.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise _not_writable(workdir, problem) from None
    with locked(workdir):
        _check_is_run(workdir)
        _check_links(workdir)
        folders = [workdir / name for name in FOLDERS]
        new = [path for path in folders if not path.exists()]
        try:
            for path in folders:
                path.mkdir(exist_ok=True)
            for path in (workdir, *folders):
                # Creates a file and deletes it.
                tempfile.TemporaryFile(dir=path).close()
            _delete_incomplete(workdir)
        except OSError as problem:
            raise _not_writable(workdir, problem) from None
        try:
            yield workdir
        except (UsageError, RunError):
            # A run that was refused leaves the folder as it was.
            for path in new:
                with contextlib.suppress(OSError):
                    path.rmdir()
            raise


@contextlib.contextmanager
def locked(workdir: Path) -> Iterator[None]:
    """Locks a folder against other processes.

    The lock is on the folder itself, and is released however the process ends.

    Raises:
        InUseError: Another process holds the lock.
    """
    folder = os.open(workdir, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise InUseError(
            f"another process is running in workdir {workdir}; wait for it, stop it, "
            f"or use another --workdir"
        ) from None
    finally:
        os.close(folder)


def is_unused(workdir: Path) -> bool:
    """Returns whether nothing is at a path, or a folder without a file of anybody.

    A run that was killed at its start leaves folders, or an incomplete file.
    """
    if not os.path.lexists(workdir):
        return True
    try:
        is_run = (workdir / "config.json").exists() or has_results(workdir)
        return not is_run and not _has_other_files(workdir)
    except OSError:
        # A file, or a folder of somebody else.
        return False


def has_results(workdir: Path) -> bool:
    """Returns whether a folder has results of training."""
    return any(
        path.stat().st_size for pattern in _RESULTS for path in workdir.glob(pattern)
    )


def write_config(workdir: Path, config: Config) -> None:
    """Writes the configuration as config.json and as a flagfile, flags.txt.

    Whenever the process is killed, the two do not differ: flags.txt may be missing.

    Args:
        workdir: The run's folder.
        config: The configuration.
    """
    fields, text = dataclasses.asdict(config), flags.flagfile(config)
    flagfile = workdir / "flags.txt"
    with contextlib.suppress(OSError):
        if atomic.read_bytes(flagfile) != text.encode("utf-8", "surrogateescape"):
            flagfile.unlink()
    atomic.write_text(workdir / "config.json", json.dumps(fields, indent=2) + "\n")
    atomic.write_text(flagfile, text)


def read_config(workdir: Path) -> Config:
    """Reads the configuration of the run in a folder.

    Fields that the file lacks, because an older version wrote it, have their defaults.

    Raises:
        UsageError: There is no configuration, it cannot be read, or it has fields that
            this version does not know.
    """
    path = workdir / "config.json"
    try:
        fields: dict[str, Any] = json_text.parse_object(atomic.read_bytes(path))
        known = {field.name for field in dataclasses.fields(Config)}
        unknown = sorted(fields.keys() - known)
        if not unknown:
            return Config(**fields)
    except FileNotFoundError:
        raise UsageError(
            f"there is no run in {workdir}: it has no config.json; give the folder of "
            f"a run, such as runs/digits-cnn-1"
        ) from None
    except (OSError, ValueError, TypeError) as problem:
        raise UsageError(f"{path} is not the config of a run: {problem}") from None
    raise UsageError(
        f"{path} has fields that this version does not know: {', '.join(unknown)}; "
        f"use the version that wrote it, or another --workdir"
    )


def _check_is_run(workdir: Path) -> None:
    """Raises UsageError if a folder has other files, or a run without its config."""
    if (workdir / "config.json").exists():
        return
    if has_results(workdir):
        raise UsageError(
            f"workdir {workdir} has results of a run, but no config.json; restore it, "
            f"use another --workdir, or --fresh to move the folder aside"
        )
    if _has_other_files(workdir):
        raise UsageError(
            f"workdir {workdir} is not empty, and not a run of this program; use "
            f"another --workdir, or move it aside with --fresh"
        )


def _has_other_files(workdir: Path) -> bool:
    """Returns whether a folder has files that a run killed at its start has not."""
    complete = [path for path in workdir.iterdir() if path.suffix != atomic.SUFFIX]
    return any(path.name not in FOLDERS for path in complete)


def _check_links(workdir: Path) -> None:
    """Raises UsageError if a folder of the run is a link of another user.

    Old checkpoints are deleted there. The user's own link may lead to a larger disk.
    """
    for name in FOLDERS:
        path = workdir / name
        if path.is_symlink() and path.lstat().st_uid != os.geteuid():
            raise UsageError(
                f"{path} is a symbolic link of another user; delete it, or use another "
                f"--workdir"
            )


def _delete_incomplete(workdir: Path) -> None:
    """Deletes incomplete files of a killed process; needs the lock."""
    for folder in (workdir, *(workdir / name for name in FOLDERS)):
        for path in folder.glob(f"*{atomic.SUFFIX}"):
            path.unlink()


def _not_writable(workdir: Path, problem: OSError) -> RunError:
    return RunError(
        f"workdir {workdir} cannot be written to: {problem.strerror}; use another "
        f"--workdir"
    )


def _unused_name(workdir: Path) -> Path:
    """Returns an unused path to move an old run to."""
    if not workdir.name:
        raise UsageError(
            f"workdir {workdir} cannot be moved aside, having no name; use another"
        )
    number = 1
    while (path := workdir.with_name(f"{workdir.name}.old-{number}")).exists():
        number += 1
    return path
