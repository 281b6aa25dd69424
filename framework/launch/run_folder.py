"""A run's folder: who may write in it, and what defines the run that it holds."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from framework.config import Config, experiment, flags
from framework.errors import RunError, UsageError
from framework.system import atomic, json_text

FOLDERS = ("train", "validation", "predictions", "checkpoints", "best")
# What training leaves behind; without a checkpoint it cannot be added to.
_RESULTS = (
    "metrics.jsonl",
    "timing.jsonl",
    "predictions/*.npz",
    "best/*.npz",
    "checkpoints/*.npz",
)
# Whose versions a run's numbers can depend on.
_PACKAGES = ("whyflat", "tensorflow", "keras", "numpy", "tensorboard", "absl-py")


@contextlib.contextmanager
def opened(config: Config) -> Iterator[Path]:
    """Makes the run's folder and holds its lock; nobody else writes in it meanwhile.

    Args:
        config: Of the run. With `fresh`, what is in the folder is moved aside; nothing
            is deleted.

    Yields:
        The folder.

    Raises:
        UsageError: The folder holds something else than a run, or is in use.
        RunError: Nothing can be written there.
    """
    workdir = Path(config.workdir)
    try:
        if config.fresh and workdir.exists():
            with locked(workdir):
                workdir.rename(_aside(workdir))
        workdir.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise _not_writable(workdir, problem) from None
    with locked(workdir):
        _check_is_run(workdir)
        _check_links(workdir)
        try:
            for name in FOLDERS:
                (workdir / name).mkdir(exist_ok=True)
            _delete_unfinished(workdir)
        except OSError as problem:
            raise _not_writable(workdir, problem) from None
        yield workdir


@contextlib.contextmanager
def locked(workdir: Path) -> Iterator[None]:
    """Keeps other processes from running in the same folder.

    The lock is on the folder itself, and is released however the process ends.

    Raises:
        UsageError: Another process holds it.
    """
    folder = os.open(workdir, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise UsageError(
            f"another process is running in workdir {workdir}; give another --workdir"
        ) from None
    finally:
        os.close(folder)


def has_results(workdir: Path) -> bool:
    """Returns whether training has left anything in a folder."""
    return any(
        path.stat().st_size for pattern in _RESULTS for path in workdir.glob(pattern)
    )


def write_config(workdir: Path, config: Config) -> None:
    """Writes what defines the run, as config.json and as a flagfile."""
    fields = dataclasses.asdict(config)
    atomic.write_text(workdir / "config.json", json.dumps(fields, indent=2) + "\n")
    atomic.write_text(workdir / "flags.txt", flags.flagfile(config))


def write_environment(workdir: Path, devices: list[str]) -> None:
    """Writes what the run ran on, and by which command."""
    environment = {
        "command": flags.command(sys.argv),
        "experiment": experiment.origin(),
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "devices": devices,
        "packages": {name: _version(name) for name in _PACKAGES},
        "git_revision": _git_revision(),
    }
    text = json.dumps(environment, indent=2) + "\n"
    atomic.write_text(workdir / "environment.json", text)


def read_config(workdir: Path) -> Config:
    """Returns the configuration of the run in a folder.

    Fields that the file lacks, as one of an older version does, have their defaults.

    Raises:
        UsageError: There is none, it cannot be read, or it has fields that this
            version does not know: without them it would be another run.
    """
    path = workdir / "config.json"
    try:
        fields = json_text.parse_object(atomic.read_bytes(path))
        known = {field.name for field in dataclasses.fields(Config)}
        unknown = sorted(fields.keys() - known)
        if not unknown:
            return Config(**fields)
    except (OSError, ValueError, TypeError) as problem:
        raise UsageError(f"{path} is not the config of a run: {problem}") from None
    raise UsageError(
        f"{path} has fields that this version does not know: {', '.join(unknown)}; "
        f"use the version that wrote it, or another --workdir"
    )


def _check_is_run(workdir: Path) -> None:
    """Refuses a folder that holds something else, or a run without its config."""
    if (workdir / "config.json").exists():
        return
    if has_results(workdir):
        raise UsageError(
            f"workdir {workdir} holds results of a run, but no config.json; put it "
            f"back, use another --workdir, or --fresh to move the folder aside"
        )
    # A run that was killed in its first moment leaves folders, or half a file.
    left = [path for path in workdir.iterdir() if path.suffix != atomic.SUFFIX]
    if any(path.name not in FOLDERS for path in left):
        raise UsageError(
            f"workdir {workdir} is not empty, and not a run of this program; give "
            f"another --workdir, or move it aside with --fresh"
        )


def _check_links(workdir: Path) -> None:
    """Refuses folders that somebody else has led out of the run's.

    Old checkpoints are deleted in them. A link of one's own may lead to a larger disk.
    """
    for name in FOLDERS:
        path = workdir / name
        if path.is_symlink() and path.lstat().st_uid != os.geteuid():
            raise UsageError(
                f"{path} is a symbolic link of another user; delete it, or use another "
                f"--workdir"
            )


def _delete_unfinished(workdir: Path) -> None:
    """Deletes what a killed process was writing; needs the lock."""
    for folder in (workdir, *(workdir / name for name in FOLDERS)):
        for path in folder.glob(f"*{atomic.SUFFIX}"):
            path.unlink()


def _not_writable(workdir: Path, problem: OSError) -> RunError:
    return RunError(f"workdir {workdir} cannot be written to: {problem.strerror}")


def _aside(workdir: Path) -> Path:
    """Returns a name for an old run that is not taken."""
    if not workdir.name:
        raise UsageError(
            f"workdir {workdir} cannot be moved aside; give a named folder"
        )
    number = 1
    while (path := workdir.with_name(f"{workdir.name}.old-{number}")).exists():
        number += 1
    return path


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _git_revision() -> str | None:
    """Returns the revision of this code, marked if it has been changed since."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40"]
    folder = Path(__file__).parent
    try:
        found = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    except OSError:
        return None
    return found.stdout.strip() or None
