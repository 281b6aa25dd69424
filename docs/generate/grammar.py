"""Generates the summary of the spec grammar from the parser's own docstrings."""

from __future__ import annotations

from framework.config import durations, grammar
from framework.launch.families import FAMILIES
from generate.docstrings import paragraphs, sections


def page() -> str:
    """Returns the rules of specs and lengths, and the flags that take a spec."""
    flags = ", ".join(f"`--{flag}`" for flag in FAMILIES)
    return "\n\n".join(
        [
            paragraphs(sections(grammar)[""]),
            paragraphs(sections(durations)[""]),
            f"These flags take a spec: {flags}.\n",
        ]
    )
