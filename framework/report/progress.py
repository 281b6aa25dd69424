"""One line of progress on a terminal; in a file, a line for each long step."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from types import TracebackType
from typing import TextIO

# Back to the first column, and the rest of the line erased.
_RETURN, _ERASE = "\r", "\x1b[K"
# In a file: seconds after which a short step is worth a line.
_EVERY = 10.0


class ProgressLine:
    """Shows what is being done, and the seconds since the start.

    On a terminal each text replaces the last. Elsewhere, short steps (their text begins
    with "checking") are left out unless nothing was shown for ten seconds.

    Args:
        stream: Where to write.
        clock: Returns seconds; for tests.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic):
        self._stream, self._clock = stream, clock
        self._begin = self._shown = clock()
        self._is_terminal = stream.isatty()

    def __call__(self, what: str) -> None:
        """Shows a text.

        Args:
            what: What is being done, in one line.
        """
        now = self._clock()
        text = f"{now - self._begin:.0f} s: {what}"
        if self._is_terminal:
            width = shutil.get_terminal_size().columns - 1
            self._write(_RETURN + text[:width] + _ERASE)
        elif not what.startswith("checking") or now - self._shown >= _EVERY:
            self._shown = now
            self._write(f"{text}\n")

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Erases the line."""
        if self._is_terminal:
            self._write(_RETURN + _ERASE)

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
