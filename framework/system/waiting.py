"""Waits for other processes, with progress lines and a timeout.

Each wait prints every ten seconds what it waits for and how long, and ends after
--wait_for. A wait inside TensorFlow cannot be interrupted, so that a timeout ends the
process; checkpoints are atomic, so that the last one remains valid.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import NoReturn

from framework.errors import UsageError, WorkerLostError

# EX_TEMPFAIL of sysexits.h: rerun the command later.
_EXIT_RETRY = 75
# Seconds between progress lines, and minimum seconds between calls of `missing`.
_EVERY = 10.0
_POLL = 0.2
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}

# Names the processes to wait for; "" if all are available.
Missing = Callable[[], str]

_cleanups: list[Callable[[], None]] = []


def parse_seconds(text: str) -> float:
    """Parses a duration such as "30s", "10m" or "2h" into seconds.

    >>> parse_seconds("10m")
    600.0

    Raises:
        UsageError: It has another form, or is 0.
    """
    match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)([smh])", text)
    if not match or not float(match[1]):
        raise UsageError(
            f"wait_for must be seconds, minutes or hours above 0, as in 30s, 10m or "
            f"2h, not {text!r}"
        )
    return float(match[1]) * _UNITS[match[2]]


class Wait:
    """The state of a wait for other processes.

    Args:
        missing: Names the missing processes; the wait restarts whenever it returns "".
        limit: Timeout in seconds.
        now: Seconds of a monotonic clock.
        silent: Seconds before the first progress line.

    Attributes:
        awaited: The missing processes at the last check.
    """

    def __init__(
        self, missing: Missing, limit: float, now: float, silent: float = _EVERY
    ):
        self._missing, self._limit, self._silent = missing, limit, silent
        self._start, self._line_due = now, now + silent
        self.awaited = ""

    def is_over(self, now: float) -> bool:
        """Prints progress if it is due; returns whether the limit is reached."""
        self.awaited = self._missing()
        if not self.awaited:
            self._start, self._line_due = now, now + self._silent
            return False
        if now - self._start >= self._limit:
            return True
        if now >= self._line_due:
            self._line_due = now + _EVERY
            print(
                f"waiting for {self.awaited}: {_text(now - self._start)} of at most "
                f"{_text(self._limit)} (--wait_for)",
                file=sys.stderr,
                flush=True,
            )
        return False

    def pause(self, now: float) -> float:
        """Returns the seconds until the next call of `is_over`."""
        due = min(self._line_due, self._start + self._limit)
        return max(due - now, _POLL)

    @property
    def failure(self) -> str:
        """The error message of a timeout."""
        return (
            f"waited {_text(self._limit)} (--wait_for) for {self.awaited}; the same "
            f"command resumes from the last checkpoint once they can be reached"
        )


def until_available(
    missing: Missing,
    limit: float,
    silent: float = _EVERY,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Polls until no process is missing.

    Args:
        missing: Names the missing processes.
        limit: Timeout in seconds.
        silent: Seconds before the first progress line; 0.0 if no wait is expected.
        clock: Returns the time in seconds.
        sleep: Sleeps for seconds.

    Raises:
        WorkerLostError: The limit is reached.
    """
    wait = Wait(missing, limit, clock(), silent)
    while True:
        if wait.is_over(clock()):
            raise WorkerLostError(wait.failure)
        if not wait.awaited:
            return
        sleep(_POLL)


@contextlib.contextmanager
def watchdog(missing: Missing, limit: float) -> Iterator[None]:
    """Watches a block that waits inside TensorFlow.

    A thread prints what it waits for. At the limit it ends the process, exit code 75.

    Args:
        missing: Names the missing processes; called by the thread.
        limit: Timeout in seconds.
    """
    done = threading.Event()
    wait = Wait(missing, limit, time.monotonic())

    def watch() -> None:
        while not done.wait(wait.pause(time.monotonic())):
            if wait.is_over(time.monotonic()) and not done.is_set():
                exit_for_retry(wait.failure)

    thread = threading.Thread(target=watch, daemon=True, name="waiting")
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def register_cleanup(function: Callable[[], None]) -> None:
    """Registers a function to be called at exit, also by `exit_for_retry`."""
    atexit.register(function)
    _cleanups.append(function)


def exit_for_retry(problem: str) -> NoReturn:
    """Prints an error and ends the process with exit code 75, despite its threads."""
    for function in _cleanups:
        with contextlib.suppress(Exception):
            function()
    # A progress bar may have hidden the cursor.
    show = "\x1b[?25h" if sys.stderr.isatty() else ""
    os.write(2, f"{show}error: {problem}\n".encode())
    os._exit(_EXIT_RETRY)


def _text(duration: float) -> str:
    if duration < 60.0:
        return f"{duration:.0f} s"
    return f"{int(duration // 60)} min {int(duration % 60)} s"
