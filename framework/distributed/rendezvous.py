"""Lets the processes of a run meet before TensorFlow connects them.

TensorFlow's own connecting cannot be watched or interrupted: it holds Python's lock.
And a chief that has been restarted would meet workers of the attempt before, which is
an error in them and an endless wait in itself. So each worker first greets the chief at
the port that TensorFlow is going to use; when all have, the chief sends all on.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Sequence

from framework.system import network, waiting

_GREETING = b"whyflat worker "
_GO = b"whyflat go\n"
# Seconds for a connection, and for its first bytes.
_TIMEOUT = 1.0


def meet(addresses: Sequence[str], index: int, limit: float) -> None:
    """Returns when all processes have called it.

    Args:
        addresses: HOST:PORT of each; the first is the chief's.
        index: Which of them this process is.
        limit: Seconds to wait at most.

    Raises:
        WorkerLostError: The limit is reached.
    """
    port = network.split_address(addresses[index])[1]

    def busy() -> str:
        taken = f"port {port}, on which another process still listens"
        return "" if network.is_free(port) else taken

    waiting.until_available(busy, limit)
    if len(addresses) == 1:
        return
    party = Worker(addresses[0], index) if index else Chief(addresses)
    with contextlib.closing(party):
        waiting.until_available(party.missing, limit)


class Chief:
    """Listens until all workers have greeted.

    Args:
        addresses: HOST:PORT of each process; the first is its own.
    """

    def __init__(self, addresses: Sequence[str]):
        self._addresses = addresses
        self._workers: dict[int, socket.socket] = {}
        both = socket.has_dualstack_ipv6()
        self._server = socket.create_server(
            ("", network.split_address(addresses[0])[1]),
            family=socket.AF_INET6 if both else socket.AF_INET,
            backlog=len(addresses) + 16,
            dualstack_ipv6=both,
        )
        self._server.setblocking(False)

    def missing(self) -> str:
        """Returns the workers that have not greeted; sends all on if there are none."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self._greeted(self._server.accept()[0])
        for index, worker in list(self._workers.items()):
            if _received(worker) is not None:
                worker.close()
                del self._workers[index]
        absent = [
            address
            for index, address in enumerate(self._addresses)
            if index and index not in self._workers
        ]
        if absent:
            return f"worker{'s' * (len(absent) > 1)} {', '.join(absent)}"
        for worker in self._workers.values():
            # One that dies now is found lost by TensorFlow.
            with contextlib.suppress(OSError):
                worker.sendall(_GO)
        return ""

    def close(self) -> None:
        """Frees the port."""
        for each in (*self._workers.values(), self._server):
            each.close()

    def _greeted(self, connection: socket.socket) -> None:
        """Keeps a connection if it is a worker's.

        Others are probes, or TensorFlow in a worker of the attempt before, which so
        learns that its chief is lost.
        """
        connection.settimeout(_TIMEOUT)
        try:
            first = connection.recv(64)
        except OSError:
            first = b""
        number = first.removeprefix(_GREETING).removesuffix(b"\n")
        known = first.startswith(_GREETING) and number.isdigit()
        if not known or not 0 < int(number) < len(self._addresses):
            connection.close()
            return
        connection.setblocking(False)
        earlier = self._workers.pop(int(number), None)
        if earlier:
            earlier.close()
        self._workers[int(number)] = connection


class Worker:
    """Greets the chief until it answers.

    Args:
        chief: HOST:PORT of it.
        index: Which of the processes this one is.
    """

    def __init__(self, chief: str, index: int):
        self._chief, self._index = chief, index
        self._connection: socket.socket | None = None

    def missing(self) -> str:
        """Returns for whom this worker waits, "" if the chief has sent all on."""
        if not self._connection and not self._greet():
            return f"the chief {self._chief}, where nobody listens"
        answer = _received(self._connection)
        if answer is None:
            return f"other workers, as the chief {self._chief} does"
        self.close()
        if answer == _GO:
            return ""
        return f"the chief {self._chief}, which runs an earlier attempt or has ended"

    def close(self) -> None:
        """Ends the connection."""
        if self._connection:
            self._connection.close()
        self._connection = None

    def _greet(self) -> bool:
        """Connects; returns whether anybody listens."""
        try:
            connection = socket.create_connection(
                network.split_address(self._chief), _TIMEOUT
            )
            self._connection = connection
            connection.sendall(_GREETING + b"%d\n" % self._index)
            connection.setblocking(False)
        except OSError:
            self.close()
        return self._connection is not None


def _received(connection: socket.socket) -> bytes | None:
    """Returns what has come, b"" if the other side has closed, None if nothing has."""
    try:
        return connection.recv(64)
    except BlockingIOError:
        return None
    except OSError:
        return b""
