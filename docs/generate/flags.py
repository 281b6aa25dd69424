"""Generates the table of the flags from the fields of `Config`."""

from __future__ import annotations

import dataclasses

from framework.config import Config
from framework.config.fields import GROUPS
from generate.docstrings import escaped


def page() -> str:
    """Returns a table for each group of flags."""
    blocks = []
    for group in GROUPS:
        rows = [
            f"| {_flag(field)} | {_default(field.default)} | "
            f"{escaped(field.metadata['help'])} |"
            for field in dataclasses.fields(Config)
            if field.metadata["group"] == group
        ]
        head = ["| flag | default | meaning |", "|---|---|---|"]
        blocks.append("\n".join([f"## {group.capitalize()}", "", *head, *rows]))
    return "\n\n".join(blocks) + "\n"


def _flag(field: dataclasses.Field) -> str:
    choices = field.metadata["choices"]
    values = f"<br>{', '.join(f'`{each}`' for each in choices)}" if choices else ""
    prefix = "--[no]" if field.type == "bool" else "--"
    return f"`{prefix}{field.name}`{values}"


def _default(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return "none" if value == "" else f"`{value}`"
