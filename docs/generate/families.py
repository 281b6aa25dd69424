"""Generates the lists of what a spec can name, with signatures and arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from framework.launch.families import FAMILIES
from framework.launch.families import signature as signature_of
from generate.docstrings import escaped, items, paragraphs, sections

_TITLES = {
    "dataset": "Data sets",
    "sampling": "Sampling of classes",
    "augment": "Augmentations",
    "normalize": "Normalizations",
    "model": "Models",
    "optimizer": "Optimizers",
    "schedule": "Schedules",
    "loss": "Losses",
    "metrics": "Metrics",
}


def page() -> str:
    """Returns a section for each family, with an entry for each member."""
    blocks = []
    for flag, family in FAMILIES.items():
        blocks.append(f"## {_TITLES.get(flag, flag)}: `--{flag}`")
        blocks += [_entry(flag, name, member) for name, member in family.items()]
    return "\n\n".join(blocks) + "\n"


def _entry(flag: str, name: str, member: Callable[..., Any]) -> str:
    signature = signature_of(flag, member)
    documented = sections(member)
    blocks = [
        f"### {name}",
        f"```text\n{name}{signature}\n```",
        paragraphs(documented[""]),
    ]
    described = items(documented.get("Args", documented.get("Attributes", "")))
    lines = [
        f"- `{argument}`: {escaped(text)}"
        for argument, text in described.items()
        if argument in signature.parameters
    ]
    if lines:
        blocks.append("\n".join(lines))
    return "\n\n".join([*blocks, paragraphs(documented.get("Example", ""))]).rstrip()
