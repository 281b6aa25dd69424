"""sweep.json: what a sweep is; the commands that share it must agree.

The files of a sweep's folder: sweep.json; study.journal, the record of Optuna, unless
--storage names a database; trial-0000/seed-0 and so on, ordinary runs, beside the
trial's outcome.json; sweep.csv, the result. The files that end with .lock are empty.
"""

from __future__ import annotations

import contextlib
import json
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from framework.errors import UsageError
from framework.sweep import table
from framework.system import atomic, claims, json_text
from framework.system.json_text import InvalidJsonError

JOURNAL = "study.journal"
TABLE = "sweep.csv"
_FORMAT = 1
_FILE = "sweep.json"
_LOCK = "sweep.lock"
_OUTCOME = "outcome.json"
_TRIAL = re.compile(r"trial-(\d{4,})", re.ASCII)


def lock(folder: Path) -> Path:
    """Returns the file that is locked while a trial is chosen."""
    return folder / _LOCK


def trial_folder(folder: Path, number: int) -> Path:
    """Returns the folder of a trial."""
    return folder / f"trial-{number:04}"


def trial_number(path: Path) -> int | None:
    """Returns the number of a trial by its folder; None if it is none of a trial.

    >>> trial_number(Path("runs/sweep/trial-0012"))
    12
    """
    match = _TRIAL.fullmatch(path.name)
    return int(match[1]) if match else None


def run_folder(folder: Path, number: int, seed: int) -> Path:
    """Returns the folder of the run of a trial with a seed."""
    return trial_folder(folder, number) / f"seed-{seed}"


def sweep_of(run: Path) -> Path | None:
    """Returns the folder of the sweep that a run is a part of; None if there is none.

    Args:
        run: The folder of the run.
    """
    folder = run.parent.parent
    is_trial = trial_number(run.parent) is not None
    return folder if is_trial and (folder / _FILE).is_file() else None


def seeds(folder: Path) -> tuple[int, ...]:
    """Returns the seeds that each trial of a sweep is trained with.

    Raises:
        UsageError: sweep.json is damaged.
    """
    path = folder / _FILE
    try:
        content: dict[str, Any] = json_text.parse_object(atomic.read_bytes(path))
        return tuple(map(int, content["sweep"]["space"]["seeds"]))
    except (OSError, InvalidJsonError, KeyError, TypeError, ValueError) as problem:
        raise UsageError(f"{path} is not the file of a sweep: {problem}") from None


def write_outcome(folder: Path, number: int, state: str) -> None:
    """Records how a trial ended, for readers that do without Optuna.

    Args:
        folder: The folder of the sweep.
        number: Of the trial, which this process has claimed.
        state: See `framework.sweep.table.Row`.
    """
    path = trial_folder(folder, number) / _OUTCOME
    atomic.write_text(path, json.dumps({"state": state}) + "\n")


def outcomes(folder: Path) -> dict[int, str]:
    """Returns the states of the finished trials of a sweep, by number.

    Args:
        folder: The folder of the sweep.
    """
    states = {}
    for path in sorted(folder.glob(f"*/{_OUTCOME}")):
        number = trial_number(path.parent)
        with contextlib.suppress(OSError, InvalidJsonError):
            state = json_text.parse_object(atomic.read_bytes(path)).get("state")
            if number is not None and state in table.STATES:
                states[number] = str(state)
    return states


def opened(folder: Path, fields: Mapping[str, Any]) -> str:
    """Creates the folder of a sweep, or checks that it has the same sweep.

    Args:
        folder: The folder.
        fields: All that its trials depend on, as JSON values.

    Returns:
        The name of the study, which no other folder has.

    Raises:
        UsageError: The folder has another sweep, whose differences the message lists,
            or something else.
    """
    _make(folder)
    path = folder / _FILE
    with claims.exclusive(lock(folder)):
        if path.exists():
            return _checked(path, fields)
        name = f"whyflat-{secrets.token_hex(8)}"
        content = {"format": _FORMAT, "study": name, "sweep": fields}
        atomic.write_text(path, json.dumps(content, indent=2, sort_keys=True) + "\n")
        return name


def _make(folder: Path) -> None:
    """Creates the folder, unless it is that of a sweep.

    Raises:
        UsageError: It has other files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / _FILE).exists():
        return
    # Another process may be about to write sweep.json.
    names = {path.name for path in folder.iterdir() if path.suffix != atomic.SUFFIX}
    if names - {_LOCK, _FILE}:
        raise UsageError(
            f"workdir {folder} has something other than a sweep; use another --workdir"
        )


def _checked(path: Path, fields: Mapping[str, Any]) -> str:
    """Returns the name of a study, if its sweep is the same."""
    try:
        content = json_text.parse_object(atomic.read_bytes(path))
        name, before = str(content["study"]), content["sweep"]
    except (InvalidJsonError, KeyError) as problem:
        raise UsageError(f"{path} is not the file of a sweep: {problem}") from None
    old, new = _flat("", before), _flat("", json.loads(json.dumps(fields)))
    lines = [
        f"    {key}: {old.get(key, 'none')} -> {new.get(key, 'none')}"
        for key in sorted({*old, *new})
        if old.get(key) != new.get(key)
    ]
    if lines:
        raise UsageError(
            f"workdir {path.parent} has another sweep; use another --workdir\n"
            + "\n".join(lines)
        )
    return name


def _flat(name: str, value: Any) -> dict[str, Any]:
    """Returns the values inside a JSON object by their paths."""
    if not isinstance(value, dict):
        return {name: value}
    result: dict[str, Any] = {}
    for key, each in value.items():
        result |= _flat(f"{name}.{key}".lstrip("."), each)
    return result
