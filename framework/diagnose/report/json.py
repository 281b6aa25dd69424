"""A diagnosis as a JSON value."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from framework.diagnose.core.causes import CAUSES
from framework.diagnose.core.finding import COST_KINDS, STATUSES, Finding
from framework.diagnose.core.ledger import TrialRecord
from framework.diagnose.core.measurement import Measurements, Unavailable
from framework.diagnose.measure.accuracy import Accuracy
from framework.diagnose.measure.plateau import Plateau
from framework.diagnose.report.reading import reading
from framework.diagnose.report.stored import FORMAT
from framework.numerics.intervals import Estimate


def as_json(
    plateau: Plateau,
    findings: Sequence[Finding],
    measured: Measurements,
    trials: Sequence[TrialRecord],
    not_judged: Mapping[str, Unavailable],
) -> dict[str, Any]:
    """Returns a JSON value of a diagnosis; see `SCHEMA`."""
    return {
        "format": FORMAT,
        "verdict": plateau.verdict,
        "plateau": _value(plateau),
        "findings": [each.as_json() for each in findings],
        "reading": reading(measured.get(Accuracy)),
        "measurements": {
            name: _value(each) for name, each in measured.reported.items()
        },
        "unavailable": [_unavailable(each) for each in measured.unavailable],
        "not_judged": {cause: _unavailable(each) for cause, each in not_judged.items()},
        "trials": [each.as_json() for each in trials],
    }


# The parts that readers may rely on, as a JSON schema.
SCHEMA: Mapping[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["format", "verdict", "findings", "measurements", "unavailable"],
    "properties": {
        "format": {"const": FORMAT},
        "verdict": {"type": "string"},
        "findings": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["cause", "status", "message", "evidence", "remedy"],
                "properties": {
                    "cause": {"enum": list(CAUSES)},
                    "status": {"enum": list(STATUSES)},
                    "message": {"type": "string"},
                    "cost_kind": {"enum": list(COST_KINDS)},
                    "cost_points": {"type": ["number", "null"]},
                },
            },
        },
        "measurements": {"type": "object"},
        "unavailable": {"type": "array"},
    },
}


def _unavailable(unavailable: Unavailable) -> dict[str, Any]:
    return {
        "measurement": unavailable.name,
        "reason": unavailable.reason,
        "is_failure": unavailable.is_failure,
    }


def _value(value: Any) -> Any:
    """Returns a JSON value of a field; None for numbers that are not finite."""
    if isinstance(value, Estimate):
        return {
            "value": _value(value.value),
            "interval": [_value(value.low), _value(value.high)],
        }
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: _value(getattr(value, field.name))
            for field in dataclasses.fields(value)
        }
    if isinstance(value, Mapping):
        return {str(name): _value(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_value(each) for each in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
