"""Generates the JSON schema of diagnosis.json."""

from __future__ import annotations

import json

from framework.diagnose.report.json import SCHEMA


def page() -> str:
    """Returns the schema as a block of JSON."""
    return f"```json\n{json.dumps(SCHEMA, indent=2)}\n```\n"
