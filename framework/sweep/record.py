"""sweep.json: what a sweep is; the commands that share it must agree.

The files of a sweep's folder: sweep.json; study.journal, the record of Optuna, unless
--storage names a database; trial-0000/seed-0 and so on, ordinary runs; sweep.csv, the
result. The files that end with .lock are empty.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from framework.errors import UsageError
from framework.system import atomic, claims, json_text
from framework.system.json_text import InvalidJsonError

JOURNAL = "study.journal"
TABLE = "sweep.csv"
_FORMAT = 1
_FILE = "sweep.json"
_LOCK = "sweep.lock"


def lock(folder: Path) -> Path:
    """Returns the file that is locked while a trial is chosen."""
    return folder / _LOCK


def trial_folder(folder: Path, number: int) -> Path:
    """Returns the folder of a trial."""
    return folder / f"trial-{number:04}"


def run_folder(folder: Path, number: int, seed: int) -> Path:
    """Returns the folder of the run of a trial with a seed."""
    return trial_folder(folder, number) / f"seed-{seed}"


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
