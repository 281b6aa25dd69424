"""Generates the list of causes from `CAUSES` and the docstrings of their checks."""

from __future__ import annotations

import dataclasses

from framework.diagnose.checks import CHECKS
from framework.diagnose.core.causes import CAUSES, STAGES, Cause
from framework.diagnose.core.check import Check
from generate.docstrings import escaped, items, paragraphs, sections

_PARTS = ("Why it matters", "Evidence", "How it is decided", "Remedy", "Sources")


def page() -> str:
    """Returns an overview and a section for each cause, by stage."""
    blocks = ["| cause | stage | what it is |\n|---|---|---|\n" + _overview()]
    for stage in STAGES:
        blocks.append(f"## Stage: {stage}")
        blocks += [_entry(each) for each in CAUSES.values() if each.stage == stage]
    return "\n\n".join(blocks) + "\n"


def _overview() -> str:
    return "\n".join(
        f"| [`{cause.name}`](#{cause.name}) | {cause.stage} "
        f"| {escaped(cause.summary)} |"
        for cause in CAUSES.values()
    )


def _entry(cause: Cause) -> str:
    blocks = [f"({cause.name})=", f"### `{cause.name}`", f"*{escaped(cause.title)}.*"]
    blocks += [escaped(cause.summary), *_relations(cause)]
    checks = [check for check in CHECKS if check.cause_name == cause.name]
    for check in checks:
        if len(checks) > 1:
            blocks.append(f"**Check `{type(check).__name__}`**")
        blocks += _check(check)
    return "\n\n".join(blocks)


def _relations(cause: Cause) -> list[str]:
    lines = []
    if cause.invalidates_accuracy:
        lines.append("While it lasts, accuracy cannot be trusted: it is listed first.")
    if cause.voids_training:
        lines.append("While it lasts, causes of the stage training are not examined.")
    if cause.explained_by:
        names = ", ".join(f"`{name}`" for name in cause.explained_by)
        lines.append(f"Not suspected once one of these is confirmed: {names}.")
    if cause.follows_from:
        names = ", ".join(f"`{name}`" for name in cause.follows_from)
        lines.append(f"Listed after its own causes: {names}.")
    return [" ".join(lines)] if lines else []


def _check(check: Check) -> list[str]:
    documented = sections(type(check))
    blocks = [paragraphs(documented[""])]
    lines = [
        f"- **{name}**: {escaped(' '.join(documented[name].split()))}"
        for name in _PARTS
        if documented.get(name)
    ]
    blocks.append("\n".join(lines))
    meanings = items(documented.get("Attributes", ""))
    rows = [
        f"| `{field.name}` | `{field.default}` "
        f"| {escaped(meanings.get(field.name, ''))} |"
        for field in dataclasses.fields(check)
    ]
    if rows:
        head = ["| threshold | value | meaning |", "|---|---|---|"]
        blocks.append("\n".join([*head, *rows]))
    return blocks
