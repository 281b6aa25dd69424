"""Whether a run has been asked to stop: by a person, or by a queue.

A signal comes at any moment, but only between two calls of the compiled loop is there a
state that can be saved: until then it is taken note of.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

from framework.errors import Stopped

# What kill, Ctrl-C, and Slurm's --signal=USR1@60 send.
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)


class Stop:
    """Takes note of signals that ask to stop.

    Until somebody waits for one, a signal stops at once.
    """

    def __init__(self):
        self._waits = False
        self._name = ""
        self._agreed: Callable[[int], int] = int

    def listen(self) -> dict[int, object]:
        """Has signals come here; once more where TensorFlow has taken SIGTERM away.

        It does so when it makes a strategy over several machines.

        Returns:
            Who had them before, by their numbers; nobody, if this is not the main
            thread: Python lets no other have them.
        """
        if threading.current_thread() is not threading.main_thread():
            return {}
        return {number: signal.signal(number, self.receive) for number in SIGNALS}

    def wait(self, agreed: Callable[[int], int] = int) -> None:
        """Leaves it from now on to `asked` and `check` to stop.

        Args:
            agreed: Gives the smallest number of any process of the run, which all ask
                at the same moments: all stop if one has had a signal.
        """
        self._waits, self._agreed = True, agreed

    @property
    def asked(self) -> bool:
        """Whether there has been a signal, to any process of the run."""
        return not self._agreed(int(not self._name))

    def check(self) -> None:
        """Stops if there has been a signal.

        Raises:
            Stopped: There has.
        """
        if self.asked:
            raise Stopped(
                f"stopped by {self._name or 'a signal to another worker'}; the same "
                f"command goes on where it was"
            )

    def receive(self, number: int, frame: FrameType | None = None) -> None:
        """Takes in a signal.

        Raises:
            KeyboardInterrupt: It is Ctrl-C, and not the first signal: somebody cannot
                wait.
            Stopped: There is nothing yet that would have to be saved.
        """
        if self._name and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._name = signal.Signals(number).name
        if not self._waits:
            self.check()


@contextlib.contextmanager
def caught() -> Iterator[Stop]:
    """Lets signals that ask to stop be taken note of, until it is left."""
    stop = Stop()
    before = stop.listen()
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def ignore() -> None:
    """Lets no signal but Ctrl-C change how a process ends that has done its work."""
    for number in (signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
