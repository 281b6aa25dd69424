"""A run's folder: what is in it, whose it is, and what may be put there."""

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

from framework import atomic, experiment, flags
from framework.config import Config
from framework.errors import RunError, UsageError

_FOLDERS = ("train", "validation", "predictions", "checkpoints", "best")
# Whose versions a run's numbers can depend on.
_PACKAGES = ("headroom", "tensorflow", "keras", "numpy", "tensorboard", "absl-py")


def prepare(config: Config) -> Path:
    """Makes the run's folder ready to start, or to go on where it stopped.

    Args:
        config: Of the run. With `fresh`, an earlier run is moved aside; nothing is
            ever deleted.

    Returns:
        The folder.

    Raises:
        UsageError: The folder holds a run of another configuration, or something else.
        RunError: Nothing can be written there.
    """
    workdir = Path(config.workdir)
    try:
        if config.fresh and workdir.exists():
            with locked(workdir):
                workdir.rename(_aside(workdir))
        workdir.mkdir(parents=True, exist_ok=True)
        _check_config(workdir, config)
        for name in _FOLDERS:
            (workdir / name).mkdir(exist_ok=True)
    except OSError as problem:
        raise RunError(
            f"workdir {config.workdir} cannot be written to: {problem.strerror}"
        ) from None
    return workdir


@contextlib.contextmanager
def locked(workdir: Path) -> Iterator[None]:
    """Keeps other processes from running in the same folder.

    The lock is on the folder itself, and goes with the process however it ends.

    Raises:
        UsageError: Another one does.
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

    Raises:
        UsageError: There is none, or it cannot be read.
    """
    path = workdir / "config.json"
    try:
        fields = json.loads(path.read_text())
        known = {field.name for field in dataclasses.fields(Config)}
        return Config(**{name: fields[name] for name in fields.keys() & known})
    except (OSError, ValueError, TypeError, AttributeError) as problem:
        raise UsageError(f"{path} is not the config of a run: {problem}") from None


def _check_config(workdir: Path, config: Config) -> None:
    """Refuses a folder that holds another run, or anything but a run.

    A run that never came to its first checkpoint is nothing to lose.
    """
    if not (workdir / "config.json").exists():
        # A run that was killed in its first moment leaves folders, or half a file.
        left = [path for path in workdir.iterdir() if path.suffix != ".tmp"]
        if any(path.name not in _FOLDERS for path in left):
            raise UsageError(
                f"workdir {workdir} is not empty, and not a run of this program; give "
                f"another --workdir, or move it aside with --fresh"
            )
        return
    if config.allow_config_change or not any(workdir.glob("checkpoints/*.npz")):
        return
    difference = read_config(workdir).difference(config)
    if difference:
        lines = [
            f"    --{name}: {before!r} -> {after!r}"
            for name, (before, after) in difference.items()
        ]
        raise UsageError(
            f"workdir {workdir} holds a run of another configuration; use another "
            f"--workdir, --fresh to move it aside, or --allow_config_change\n"
            + "\n".join(lines)
        )


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
