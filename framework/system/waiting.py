"""Waits for other processes: never silent, never for ever.

Each wait prints every ten seconds for whom it waits and how long, and ends after
--wait_for. A wait inside TensorFlow cannot be interrupted, so that it ends the process;
checkpoints are atomic, and nothing is lost that the last one has.
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

# Of sysexits.h, EX_TEMPFAIL: the same command, later.
_TRY_AGAIN = 75
# Seconds between two lines; and at least between two calls of `missing`.
_EVERY = 10.0
_POLL = 0.2
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}

# Returns for whom there is a wait, or "" if there is none at the moment.
Missing = Callable[[], str]

_cleanups: list[Callable[[], None]] = []


def seconds(text: str) -> float:
    """Returns the seconds of "30s", "10m" or "2h".

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
    """One wait for other processes.

    Args:
        missing: For whom; the wait begins anew whenever this is nobody.
        limit: Seconds after which it is over.
        now: Seconds of a monotonic clock.
        silent: Seconds before the first line.
    """

    def __init__(
        self, missing: Missing, limit: float, now: float, silent: float = _EVERY
    ):
        self._missing, self._limit, self._silent = missing, limit, silent
        self._start, self._line_due = now, now + silent
        self.whom = ""

    def is_over(self, now: float) -> bool:
        """Prints a line if one is due; returns whether the limit is reached."""
        self.whom = self._missing()
        if not self.whom:
            self._start, self._line_due = now, now + self._silent
            return False
        if now - self._start >= self._limit:
            return True
        if now >= self._line_due:
            self._line_due = now + _EVERY
            print(
                f"waiting for {self.whom}: {_text(now - self._start)} of at most "
                f"{_text(self._limit)} (--wait_for)",
                file=sys.stderr,
                flush=True,
            )
        return False

    def pause(self, now: float) -> float:
        """Returns the seconds until `is_over` has to be called again."""
        due = min(self._line_due, self._start + self._limit)
        return max(due - now, _POLL)

    @property
    def failure(self) -> str:
        """The line that says why the wait has ended."""
        return (
            f"waited {_text(self._limit)} (--wait_for) for {self.whom}; the same "
            f"command resumes from the last checkpoint once they can be reached"
        )


def until_nobody(
    missing: Missing,
    limit: float,
    silent: float = _EVERY,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Waits until nobody is missing.

    Args:
        missing: For whom to wait.
        limit: Seconds.
        silent: Seconds before the first line; 0.0 where a wait is not expected.
        clock: Returns seconds.
        sleep: Lets seconds pass.

    Raises:
        WorkerLostError: The limit is reached.
    """
    wait = Wait(missing, limit, clock(), silent)
    while True:
        if wait.is_over(clock()):
            raise WorkerLostError(wait.failure)
        if not wait.whom:
            return
        sleep(_POLL)


@contextlib.contextmanager
def spoken(missing: Missing, limit: float) -> Iterator[None]:
    """Watches over a call that waits inside TensorFlow.

    A thread prints for whom it waits. At the limit it ends the process, exit code 75.

    Args:
        missing: For whom the call waits; called by the thread.
        limit: Seconds.
    """
    done = threading.Event()
    wait = Wait(missing, limit, time.monotonic())

    def watch() -> None:
        while not done.wait(wait.pause(time.monotonic())):
            if wait.is_over(time.monotonic()) and not done.is_set():
                leave(wait.failure)

    thread = threading.Thread(target=watch, daemon=True, name="waiting")
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def clean_up(function: Callable[[], None]) -> None:
    """Has a function called at the end of the process, also of one that waits."""
    atexit.register(function)
    _cleanups.append(function)


def leave(problem: str) -> NoReturn:
    """Ends the process with exit code 75 and one line, whatever its threads do."""
    for function in _cleanups:
        with contextlib.suppress(Exception):
            function()
    # A progress bar has hidden the cursor.
    show = "\x1b[?25h" if sys.stderr.isatty() else ""
    os.write(2, f"{show}error: {problem}\n".encode())
    os._exit(_TRY_AGAIN)


def _text(duration: float) -> str:
    if duration < 60.0:
        return f"{duration:.0f} s"
    return f"{int(duration // 60)} min {int(duration % 60)} s"
