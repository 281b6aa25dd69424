"""Turns Google-style docstrings into Markdown."""

from __future__ import annotations

import inspect
import re

_HEADING = re.compile(
    r"(Args|Attributes|Raises|Returns|Example|Examples|Yields|Why it matters|Evidence|"
    r"How it is decided|Remedy|Sources):"
)
_ITEM = re.compile(r"([*\w]+): (.*)", re.S)
_SPECIAL = re.compile(r"([\\*_\[\]<>|$#])")


def escaped(text: str) -> str:
    """Escapes what Markdown would read as markup, but for `code`."""
    pieces = re.split(r"(`[^`]*`)", text)
    return "".join(
        piece if piece.startswith("`") else _SPECIAL.sub(r"\\\1", piece)
        for piece in pieces
    )


def sections(documented: object) -> dict[str, str]:
    """Splits a docstring by its headings; the text before them has the key ""."""
    result: dict[str, list[str]] = {"": []}
    heading = ""
    for line in (inspect.getdoc(documented) or "").splitlines():
        match = _HEADING.fullmatch(line)
        if match:
            heading = match[1]
            result[heading] = []
        else:
            result[heading].append(line)
    return {name: inspect.cleandoc("\n".join(ls)) for name, ls in result.items()}


def items(text: str) -> dict[str, str]:
    """Returns the entries of an `Args:` or `Attributes:` section by their names."""
    entries: list[str] = []
    for line in text.splitlines():
        if line.startswith((" ", "\t")) and entries:
            entries[-1] += " " + line.strip()
        elif line.strip():
            entries.append(line.strip())
    matches = [_ITEM.fullmatch(entry) for entry in entries]
    return {match[1]: match[2] for match in matches if match}


def paragraphs(text: str) -> str:
    """Returns plain text as Markdown, one line a paragraph.

    Examples and indented paragraphs become code.
    """
    blocks = []
    for block in re.split(r"\n\s*\n", text):
        if block.startswith(">>>"):
            blocks.append("```pycon\n" + block.strip() + "\n```")
        elif block.startswith("    "):
            blocks.append("```text\n" + inspect.cleandoc(block) + "\n```")
        elif block.strip():
            blocks.append(escaped(" ".join(block.split())))
    return "\n\n".join(blocks)
