"""Text that a terminal can show: what would steer the terminal is escaped."""

from __future__ import annotations

import unicodedata

# Control characters, formatting such as the direction of writing, halves of
# characters, private and unassigned ones, ends of lines.
_ESCAPED = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
# Persian, Hindi and emojis need these two formatting characters.
_JOINERS = "\u200c\u200d"


def printable(text: str, keep: str = "") -> str:
    r"""Returns a text with control characters as backslash escapes.

    Args:
        text: Any text, also of bytes that are not UTF-8 (surrogate escapes).
        keep: Control characters that stay, such as newlines of our own.

    Example:
        >>> printable("red \x1b[31m")
        'red \\x1b[31m'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character
        if character in keep or not _is_escaped(character)
        else character.encode("unicode_escape").decode()
        for character in text
    )


def control(text: str) -> str:
    """Returns the first control character or end of a line in a text; "" if none."""
    found = (c for c in text if unicodedata.category(c) in ("Cc", "Zl", "Zp"))
    return next(found, "")


def _is_escaped(character: str) -> bool:
    return unicodedata.category(character) in _ESCAPED and character not in _JOINERS
