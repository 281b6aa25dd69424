"""Names the folder of a run that is given none: runs/digits-cnn-1.

The same command finds the folder of its run again. Another config, data set or model
takes the next number, so that no run is in the way of another.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import keras

from framework.config import Config, spec
from framework.distributed.workers import Workers
from framework.errors import UsageError
from framework.launch import run_folder, settled, worker_folders
from framework.launch.given import NOTHING, Given
from framework.launch.run_folder import InUseError
from framework.models import ModelFunction

_RUNS = Path("runs")
# The maximum length of each part of a name.
_LENGTH = 24
# The maximum number of flags to list.
_LISTED = 3


@dataclasses.dataclass(frozen=True)
class Choice:
    """The folder of a run.

    Attributes:
        folder: Its path.
        why: The reason for the choice, for the banner; "" if the user has named it.
        number: The number at the end of its name; 0 if the user has named it.
        is_new: Whether it was chosen because nothing is in it.
    """

    folder: str
    why: str = ""
    number: int = 0
    is_new: bool = False


def choose(config: Config, given: Given = NOTHING, first: int = 1) -> Choice:
    """Chooses the folder of a run, unless the config names one; writes nothing.

    It is the first of runs/DATASET-MODEL-1, -2, ... that has the run of this config, or
    nothing at all.

    Args:
        config: The configuration, as the user gives it.
        given: The model and the data set that were given in Python.
        first: The first number.

    Raises:
        UsageError: The config names no folder, but cannot do without.
    """
    if config.workdir != Config.workdir:
        return Choice(config.workdir)
    stem = _stem(config, given)
    _check_needs_no_name(config, stem)
    why = "new"
    for number in itertools.count(first):
        folder = _RUNS / f"{stem}-{number}"
        if run_folder.is_unused(folder):
            return Choice(str(folder), why, number, is_new=True)
        try:
            before = run_folder.read_config(folder)
        except UsageError:
            why = f"new; {folder} has no readable config.json"
            continue
        difference = settled.certain_difference(before, config, given.names)
        if not difference:
            return Choice(str(folder), "begun by the same command", number)
        why = f"new; {folder} has {_listed(difference)}"
    raise AssertionError("there is no last number")


@contextlib.contextmanager
def opened(
    choice: Choice, config: Config, given: Given, workers: Workers
) -> Iterator[tuple[Choice, Path]]:
    """Opens the folder of a run, which no other process may use.

    Another command may have been faster since a new folder was chosen. Then the next
    number is taken.

    Args:
        choice: From `choose`.
        config: The configuration.
        given: The model and the data set that were given in Python.
        workers: The worker processes.

    Yields:
        The choice that holds, and the folder for this process to work in.

    Raises:
        UsageError: The folder is not that of a run, or is in use.
        RunError: The folder cannot be written to, or not all workers see it.
    """
    with contextlib.ExitStack() as stack:
        while True:
            named = dataclasses.replace(config, workdir=choice.folder)
            with contextlib.ExitStack() as attempt:
                try:
                    context = worker_folders.folder(named, workers)
                    folder = attempt.enter_context(context)
                except InUseError:
                    if not choice.is_new:
                        raise
                else:
                    if not choice.is_new or run_folder.is_unused(folder):
                        stack.push(attempt.pop_all())
                        break
            unnamed = dataclasses.replace(config, workdir=Config.workdir)
            choice = choose(unnamed, given, choice.number + 1)
        yield choice, folder


def _check_needs_no_name(config: Config, stem: str) -> None:
    """Raises UsageError if the folder must be named."""
    for name in ("allow_config_change", "allow_data_change"):
        if getattr(config, name):
            runs = ", ".join(_existing(stem)) or f"there is no run {_RUNS / stem}-1"
            raise UsageError(
                f"--{name} needs --workdir, the folder of the run to resume: {runs}"
            )
    if config.strategy == "multi_worker":
        raise UsageError(
            f"--strategy=multi_worker needs --workdir, a folder that all workers "
            f"share, such as --workdir={_RUNS / stem}"
        )


def _existing(stem: str) -> list[str]:
    """Returns the folders of runs whose names begin with a stem, by number."""
    pattern = re.compile(re.escape(stem) + r"-(\d+)")
    matches = {path: pattern.fullmatch(path.name) for path in _RUNS.glob(f"{stem}-*")}
    numbers = {path: int(match[1]) for path, match in matches.items() if match}
    return [
        str(path)
        for path in sorted(numbers, key=lambda path: numbers[path])
        if (path / "config.json").exists()
    ]


def _listed(difference: Mapping[str, tuple[Any, Any]]) -> str:
    """Lists the flags that differ, as text for a message."""
    names = [f"--{name}" for name in difference]
    shown = ", ".join(names[:_LISTED])
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"another {shown}{more}"


def _stem(config: Config, given: Given) -> str:
    """Returns the name of a run without its number, such as digits-cnn."""
    dataset = given.dataset.name if given.dataset is not None else ""
    parts = [
        _clean(dataset) or _of_spec(config.dataset) or "data",
        _clean(_name_of(given.model)) or _of_spec(config.model) or "model",
    ]
    if config.fold:
        parts.append(f"fold{config.fold.replace('/', 'of')}")
    return "-".join(parts)


def _name_of(model: ModelFunction | keras.Model | None) -> str:
    if model is None:
        return ""
    # A function has the first, a model the second, and a partial neither.
    return str(getattr(model, "__name__", getattr(model, "name", "model")))


def _of_spec(text: str) -> str:
    """Returns a short name for a spec: the file or folder that it reads, or its own."""
    call = spec.single(text)
    paths: Collection[Any] = (*call.args[:1], call.kwargs.get("path"))
    names = [Path(path).stem for path in paths if isinstance(path, str)]
    names.append(call.name.rpartition(":")[2])
    return next(filter(None, map(_clean, names)), "")


def _clean(text: str) -> str:
    """Returns a part of a folder's name.

    >>> _clean("ResNet-50 (large)")
    'resnet-50-large'
    """
    return re.sub("[^a-z0-9_-]+", "-", text.lower()).strip("-")[:_LENGTH].rstrip("-")
