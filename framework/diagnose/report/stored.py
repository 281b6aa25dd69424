"""A run's diagnosis.json: whether it is whole, and of which evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from absl import logging

from framework.report.history import History, Row
from framework.system import atomic, json_text
from framework.system.json_text import InvalidJsonError

# Of diagnosis.json; 1 had other measurements, 2 had other statuses.
FORMAT = 3
_MEMBERS: dict[str, type] = {
    "format": int,
    "verdict": str,
    "plateau": dict,
    "findings": list,
    "reading": str,
    "measurements": dict,
    "run": dict,
}


def path_of(workdir: Path) -> Path:
    """Returns where the diagnosis of the run in a folder is."""
    return workdir / "diagnosis" / "diagnosis.json"


def run_state(rows: Sequence[Row]) -> dict[str, int]:
    """Returns the state of a run that a diagnosis records under "run".

    Args:
        rows: Those of metrics.jsonl.
    """
    return {"step": int(rows[-1]["step"]) if rows else 0, "evaluations": len(rows)}


def read_current(workdir: Path) -> tuple[str, bool] | None:
    """Returns the text of diagnosis.json if the run has not been resumed since.

    Returns:
        The text, and whether a cause is confirmed; None if there is no diagnosis, if it
        is of an earlier evaluation, or, with a warning, if it is damaged.

    Raises:
        RunError: The metrics of the run are damaged.
    """
    path = path_of(workdir)
    try:
        content = atomic.read_bytes(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as problem:
        logging.warning("%s cannot be read: %s", path, problem.strerror)
        return None
    try:
        diagnosis = json_text.parse_object(content)
        statuses = _statuses(diagnosis)
    except InvalidJsonError as problem:
        logging.warning("%s is not used (%s), but computed anew", path, problem)
        return None
    if diagnosis["run"] != run_state(History(workdir / "metrics.jsonl").rows):
        return None
    return content.decode(), "confirmed" in statuses


def _statuses(diagnosis: Mapping[str, Any]) -> list[str]:
    """Returns the status of each finding.

    Raises:
        InvalidJsonError: This is no diagnosis, or one of another version.
    """
    for name, kind in _MEMBERS.items():
        if type(diagnosis.get(name)) is not kind:
            raise InvalidJsonError(f"it has no {name}")
    if diagnosis["format"] != FORMAT:
        raise InvalidJsonError(f"its format is {diagnosis['format']}")
    statuses = []
    for each in diagnosis["findings"]:
        status = each.get("status") if isinstance(each, dict) else None
        if not isinstance(status, str):
            raise InvalidJsonError("it has a finding without status")
        statuses.append(status)
    return statuses
