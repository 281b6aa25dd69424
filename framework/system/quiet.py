"""Suppresses what C++ code writes to stderr regardless of log settings."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def suppressed_stderr() -> Iterator[None]:
    """Suppresses output to the file descriptor of stderr; shows it after an error."""
    with tempfile.TemporaryFile() as buffer:
        stderr = os.dup(2)
        os.dup2(buffer.fileno(), 2)
        try:
            yield
        except Exception:
            buffer.seek(0)
            os.write(stderr, buffer.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
