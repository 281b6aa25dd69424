"""Gives each worker of a run a folder that it can write to."""

from __future__ import annotations

import contextlib
import functools
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from framework.config import Config
from framework.distributed.workers import Workers
from framework.errors import RunError
from framework.launch import run_folder
from framework.system import waiting

# Of the run's folder, what a run goes on from.
_STATE = ("checkpoints", "best", "metrics.jsonl")


@contextlib.contextmanager
def folder(config: Config, workers: Workers) -> Iterator[Path]:
    """Gives a folder that no other process is using.

    The chief gets the run's. The others get a copy of what it goes on from, do in it
    the same as the chief, and throw it away: so they know at each step what it knows.

    Raises:
        UsageError: The folder holds a run of another configuration, or something else.
        RunError: Nothing can be written there, or not all workers see it.
    """
    if not workers.is_chief:
        # Until the chief has moved an old run aside.
        workers.agreed(0)
        copy = Path(tempfile.mkdtemp(prefix="worker-"))
        waiting.register_cleanup(
            functools.partial(shutil.rmtree, copy, ignore_errors=True)
        )
        _copy_state(Path(config.workdir), copy)
        _check_same_state(copy, workers)
        yield copy
        return
    with run_folder.opened(config) as own:
        workers.agreed(0)
        _check_same_state(own, workers)
        yield own


def _copy_state(run: Path, copy: Path) -> None:
    for name in _STATE:
        if (run / name).is_dir():
            shutil.copytree(run / name, copy / name)
        elif (run / name).exists():
            shutil.copy(run / name, copy / name)


def _check_same_state(own: Path, workers: Workers) -> None:
    """Refuses a folder that not all workers see.

    Raises:
        RunError: They do not see the same files.
    """
    files = [path for name in _STATE for path in sorted((own / name).glob("*"))]
    names = ",".join(f"{path.name} {path.stat().st_size}" for path in files)
    if len(set(workers.gathered(zlib.crc32(names.encode())))) > 1:
        raise RunError(
            "the workers see different files in --workdir; give a folder on a file "
            "system that all machines share"
        )
