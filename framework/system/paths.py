"""Expansion and validation of paths given by users."""

from __future__ import annotations

import os

from framework.errors import UsageError
from framework.system.printable import control_character


def expand(path: str, name: str) -> str:
    """Expands `~` and `~user` at the beginning of a path.

    Args:
        path: The path as given by the user.
        name: The flag or argument, for messages.

    Raises:
        UsageError: The user does not exist, or the path has control characters.

    Example:
        >>> expand("runs/~a", "--workdir")
        'runs/~a'
    """
    path = os.fspath(path)
    if control_character(path):
        raise UsageError(f"{name} must have no control characters: {path!r}")
    expanded = os.path.expanduser(path)
    if path.startswith("~") and expanded == path:
        raise UsageError(
            f"{name}: no home folder is known for {path.partition('/')[0]!r}; for a "
            f"file of that name, write ./{path}"
        )
    return expanded
