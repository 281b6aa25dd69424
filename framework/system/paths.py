"""Paths that users give: in flags, and as arguments of a data set."""

from __future__ import annotations

import os

from framework.errors import UsageError
from framework.system.printable import control


def expand(path: str, name: str) -> str:
    """Returns a path with the home folder in the place of `~` or `~user`.

    Args:
        path: As the user gives it.
        name: The flag or argument, for messages.

    Raises:
        UsageError: Its user does not exist, or it has control characters.

    Example:
        >>> expand("runs/~a", "--workdir")
        'runs/~a'
    """
    path = os.fspath(path)
    if control(path):
        raise UsageError(f"{name} must have no control characters: {path!r}")
    expanded = os.path.expanduser(path)
    if path.startswith("~") and expanded == path:
        raise UsageError(
            f"{name}: no home folder is known for {path.partition('/')[0]!r}; for a "
            f"file of that name, write ./{path}"
        )
    return expanded
