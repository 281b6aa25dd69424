"""A run's diagnosis.json: whether it is whole, and of which evaluation."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from absl import logging

from framework.diagnose.core.causes import CAUSES
from framework.diagnose.core.intervention import Intervention
from framework.errors import UsageError
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


@dataclasses.dataclass(frozen=True, eq=False)
class StoredFinding:
    """A finding of diagnosis.json, as far as a remedy needs it.

    Attributes:
        cause: The name of the cause.
        status: See `framework.diagnose.core.finding.STATUSES`.
        advice: What to do, in words.
        intervention: What its trial has changed; None if it takes a person.
    """

    cause: str
    status: str
    advice: str
    intervention: Intervention | None


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


def read_findings(workdir: Path) -> tuple[StoredFinding, ...] | None:
    """Returns the findings of a current diagnosis, in their order.

    Returns:
        None if the run has no current diagnosis, see `read_current`; or, with a
        warning, if another version wrote it.

    Raises:
        RunError: The metrics of the run are damaged.
    """
    current = read_current(workdir)
    if current is None:
        return None
    findings = json_text.parse_object(current[0].encode())["findings"]
    assert isinstance(findings, list), "read_current has checked it"
    try:
        return tuple(map(_finding, findings))
    except (KeyError, TypeError, UsageError) as problem:
        logging.warning(
            "%s is not used (%s), but computed anew", path_of(workdir), problem
        )
        return None


def _finding(fields: Mapping[str, Any]) -> StoredFinding:
    """Parses a finding.

    Raises:
        KeyError, TypeError, UsageError: It is not as written.
    """
    cause, remedy = fields["cause"], fields["remedy"]
    if cause not in CAUSES or not isinstance(remedy, dict):
        raise TypeError(f"a finding of {cause!r}")
    text, change = remedy["text"], remedy["intervention"]
    if not isinstance(text, str) or not isinstance(change, dict | None):
        raise TypeError(f"the remedy of {cause}")
    intervention = None if change is None else Intervention.of_json(change)
    return StoredFinding(cause, fields["status"], text, intervention)


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
