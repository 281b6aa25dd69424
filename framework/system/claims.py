"""Claims of work that several processes share: each takes what nobody else holds.

A claim is a lock on a file of its own, which the system releases however the process
ends. The file stays, empty.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def claimed(path: Path) -> Iterator[bool]:
    """Locks a file, unless another process holds it.

    Args:
        path: The file; it is created if it does not exist.

    Yields:
        Whether this process holds it now.
    """
    descriptor = _opened(path)
    try:
        yield _is_locked(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Locks a file; waits until no other process holds it.

    Args:
        path: The file; it is created if it does not exist.
    """
    descriptor = _opened(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _opened(path: Path) -> int:
    # For writing, which network file systems ask of an exclusive lock. A link could
    # lead to anything of this user's.
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(path, flags, 0o644)


def _is_locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
