"""Signals that stop a run: from a person or from a job queue.

A signal can arrive at any time, but the state can be saved only between calls of the
compiled loop. Until then the signal is recorded.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from types import FrameType

from framework.errors import Stopped

# Sent by kill, by Ctrl-C, and by Slurm's --signal=USR1@60.
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)

Handler = Callable[[int, FrameType | None], object] | int | None


class Stop:
    """Records signals that request a run to stop.

    Until `defer` is called, a signal stops the run at once.
    """

    def __init__(self) -> None:
        self._is_deferred = False
        self._name = ""
        self._has_askers = False
        self._reason = ""
        self._all_reduce_min: Callable[[int], int] = int

    def install(self) -> dict[int, Handler]:
        """Installs the signal handlers.

        TensorFlow replaces that of SIGTERM when it builds a strategy over several
        machines; call this again afterwards.

        Returns:
            The previous handlers by signal number; {} outside of the main thread, where
            Python cannot install handlers.
        """
        if threading.current_thread() is not threading.main_thread():
            return {}
        return {number: signal.signal(number, self.receive) for number in SIGNALS}

    def defer(self, all_reduce_min: Callable[[int], int] = int) -> None:
        """From now on, signals take effect only in `is_requested` and `check`.

        Args:
            all_reduce_min: Returns the minimum of a number over all processes of the
                run, which call it at the same points. All stop if one has a signal.
        """
        self._is_deferred, self._all_reduce_min = True, all_reduce_min

    def expect_asks(self) -> None:
        """Announces that code may call `ask`; every process of the run does so."""
        self._has_askers = True

    def ask(self, reason: str) -> None:
        """Asks the run to finish after the current event, with its state saved."""
        self._reason = reason or "no reason was given"

    @property
    def is_asked(self) -> bool:
        """Whether code in any process of the run has asked it to finish."""
        if not self._has_askers:
            return False
        return not self._all_reduce_min(int(not self._reason))

    @property
    def is_requested(self) -> bool:
        """Whether any process of the run has received a signal."""
        return not self._all_reduce_min(int(not self._name))

    def check(self) -> None:
        """Stops the run if any process has received a signal.

        Raises:
            Stopped: A signal was received.
        """
        if self.is_requested:
            raise Stopped(
                f"stopped by {self._name or 'a signal to another worker'}; rerun the "
                f"same command to resume"
            )

    def receive(self, number: int, frame: FrameType | None = None) -> None:
        """Handles a signal.

        Raises:
            KeyboardInterrupt: The signal is Ctrl-C, and not the first one.
            Stopped: There is nothing to save yet.
        """
        if self._name and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._name = signal.Signals(number).name
        if not self._is_deferred:
            self.check()

    def pass_on(self, handlers: Mapping[int, Handler]) -> None:
        """Gives a signal that was received to the handlers of before.

        Args:
            handlers: By signal number.

        Raises:
            Stopped: A handler stops at once. One of this class only records it.
        """
        if not self._name:
            return
        number = signal.Signals[self._name]
        handler = handlers.get(number)
        if outer := _stops({number: handler}):
            outer[0]._name = self._name
        elif callable(handler) and handler is not signal.default_int_handler:
            handler(number, None)


@contextlib.contextmanager
def handle_signals() -> Iterator[Stop]:
    """Records stop signals within a block; restores the previous handlers after it.

    A signal that came too late to stop the block is passed on, to stop what would
    follow: the next training of a diagnosis or of a proof.

    Raises:
        Stopped: A block around this one has been passed a signal; or this one has, and
            the handler around it stops at once.
    """
    stop = Stop()
    before = stop.install()
    try:
        for outer in _stops(before):
            outer.check()
        yield stop
    except BaseException:
        _restore(before)
        raise
    _restore(before)
    stop.pass_on(before)


def _stops(handlers: Mapping[int, Handler]) -> list[Stop]:
    """Returns the objects that have recorded signals before."""
    owners = [getattr(handler, "__self__", None) for handler in handlers.values()]
    return [owner for owner in owners if isinstance(owner, Stop)]


def _restore(handlers: Mapping[int, Handler]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)


def ignore() -> None:
    """Ignores stop signals but Ctrl-C, for a process that has finished its work."""
    for number in (signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
