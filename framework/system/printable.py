"""Escapes control characters in text for the terminal."""

from __future__ import annotations

import unicodedata

# Unicode categories: control, format (such as writing direction), surrogate, private
# use, unassigned, line and paragraph separators.
_ESCAPED = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_CONTROL = {"Cc", "Zl", "Zp"}
# Persian, Hindi and emojis need these two format characters.
_JOINERS = "\u200c\u200d"


def printable(text: str, keep: str = "") -> str:
    r"""Replaces control characters by backslash escapes.

    Args:
        text: Any text, also with surrogate escapes for bytes that are not UTF-8.
        keep: Control characters to leave unchanged, such as newlines.

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


def control_character(text: str) -> str:
    """Returns the first control character or line separator in a text; "" if none."""
    return next((c for c in text if unicodedata.category(c) in _CONTROL), "")


def _is_escaped(character: str) -> bool:
    return unicodedata.category(character) in _ESCAPED and character not in _JOINERS
