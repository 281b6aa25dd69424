"""Says on the console what is being compiled, and for how long."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

# Seconds after which compilation is worth a line.
_AFTER = 5.0

# Starts a timer: takes the seconds and what to call then; returns what cancels it.
StartTimer = Callable[[float, Callable[[], None]], Callable[[], None]]


def start_timer(seconds: float, function: Callable[[], None]) -> Callable[[], None]:
    """Calls a function after a number of seconds, unless what it returns is called."""
    timer = threading.Timer(seconds, function)
    # A process that ends does not wait for it.
    timer.daemon = True
    timer.start()
    return timer.cancel


class Compiling:
    """Shows that a function is being compiled, which blocks the loop.

    On a terminal, the progress bar shows `text`. Elsewhere a line is printed after five
    seconds. After a compilation that took longer than that, another line is printed.

    Args:
        say: Prints a line.
        is_terminal: Whether the progress bar is shown.
        clock: Returns seconds; for tests.
        start: Starts a timer; for tests.
    """

    def __init__(
        self,
        say: Callable[[str], None],
        is_terminal: bool,
        clock: Callable[[], float] = time.perf_counter,
        start: StartTimer = start_timer,
    ):
        self._say, self._is_terminal = say, is_terminal
        self._clock, self._start_timer = clock, start
        self._what = ""
        self._began = 0.0
        self._cancel: Callable[[], None] = lambda: None

    def began(self, what: str) -> None:
        """Compilation has begun.

        Args:
            what: What is compiled, such as "the training step".
        """
        self._what, self._began = what, self._clock()
        if not self._is_terminal:
            self._cancel = self._start_timer(_AFTER, lambda: self._say(self.text()))

    def ended(self, seconds: float) -> None:
        """Compilation has ended, or has failed.

        Args:
            seconds: How long it took.
        """
        self._cancel()
        what, self._what = self._what, ""
        if seconds >= _AFTER:
            self._say(f"compiled {what} in {seconds:.0f} s")

    def text(self) -> str:
        """Returns a line with the current compilation and its seconds; "" if none."""
        # Called by other threads, also while compilation ends.
        what = self._what
        if not what:
            return ""
        return f"compiling {what} ... {self._clock() - self._began:.0f} s"
