"""Folders of the workers of a run."""

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

# The parts of a run's folder that a run resumes from.
_STATE = ("checkpoints", "best", "metrics.jsonl")


@contextlib.contextmanager
def folder(config: Config, workers: Workers) -> Iterator[Path]:
    """Opens a folder that no other process uses.

    The chief uses the run's folder. Each other worker uses a temporary copy of what the
    run resumes from, so that its state is always that of the chief.

    Args:
        config: The configuration of the run.
        workers: The worker processes.

    Yields:
        The folder.

    Raises:
        UsageError: The folder is not that of a run.
        RunError: The folder cannot be written to, or not all workers see it.
    """
    if not workers.is_chief:
        # Waits until the chief has moved an old run aside.
        workers.all_reduce_min(0)
        copy = Path(tempfile.mkdtemp(prefix="worker-"))
        waiting.register_cleanup(
            functools.partial(shutil.rmtree, copy, ignore_errors=True)
        )
        _copy_state(Path(config.workdir), copy)
        _check_same_state(copy, workers)
        yield copy
        return
    with run_folder.opened(config) as own:
        workers.all_reduce_min(0)
        _check_same_state(own, workers)
        yield own


def _copy_state(run: Path, copy: Path) -> None:
    for name in _STATE:
        if (run / name).is_dir():
            shutil.copytree(run / name, copy / name)
        elif (run / name).exists():
            shutil.copy(run / name, copy / name)


def _check_same_state(own: Path, workers: Workers) -> None:
    """Checks that all workers see the same files.

    Raises:
        RunError: They see different files.
    """
    files = [path for name in _STATE for path in sorted((own / name).glob("*"))]
    names = ",".join(f"{path.name} {path.stat().st_size}" for path in files)
    if len(set(workers.all_gather(zlib.crc32(names.encode())))) > 1:
        raise RunError(
            "the workers see different files in --workdir; use a folder on a file "
            "system that all machines share"
        )
