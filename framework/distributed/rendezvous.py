"""Rendezvous of the processes of a run before TensorFlow connects them.

TensorFlow's own connection cannot be watched or interrupted, because it holds Python's
lock. And a restarted chief could meet workers of the previous attempt, which fail then
and leave the chief waiting for ever. So each worker first greets the chief at the port
that TensorFlow is going to use. When all have, the chief tells them to continue.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Sequence

from framework.system import network, waiting

_GREETING = b"whyflat worker "
_GO = b"whyflat go\n"
# Timeout in seconds of a connection, and of its first bytes.
_TIMEOUT = 1.0


def meet(addresses: Sequence[str], index: int, limit: float) -> None:
    """Blocks until all processes have called this function.

    Args:
        addresses: HOST:PORT of each process; the first is the chief.
        index: Index of this process.
        limit: The maximum number of seconds to wait.

    Raises:
        WorkerLostError: The limit is reached.
    """
    port = network.split_address(addresses[index])[1]

    def occupied_port() -> str:
        message = f"port {port}, on which another process still listens"
        return "" if network.is_free(port) else message

    waiting.until_available(occupied_port, limit)
    if len(addresses) == 1:
        return
    member = Worker(addresses[0], index) if index else Chief(addresses)
    with contextlib.closing(member):
        waiting.until_available(member.missing, limit)


class Chief:
    """The chief's side: listens until all workers have greeted.

    Args:
        addresses: HOST:PORT of each process; the first is the chief.
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
        """Returns the workers that have not greeted, as text for a message.

        If there are none, tells all workers to continue and returns "".
        """
        with contextlib.suppress(BlockingIOError):
            while True:
                self._handle(self._server.accept()[0])
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
            plural = "s" if len(absent) > 1 else ""
            return f"worker{plural} {', '.join(absent)}"
        for worker in self._workers.values():
            # TensorFlow detects the loss of a worker that dies now.
            with contextlib.suppress(OSError):
                worker.sendall(_GO)
        return ""

    def close(self) -> None:
        """Closes all connections and frees the port."""
        for connection in (*self._workers.values(), self._server):
            connection.close()

    def _handle(self, connection: socket.socket) -> None:
        """Keeps a connection if it is a worker's greeting, else closes it.

        Other connections are port probes, or TensorFlow in a worker of the previous
        attempt. Closing them tells that worker that its chief is lost.
        """
        connection.settimeout(_TIMEOUT)
        try:
            first = connection.recv(64)
        except OSError:
            first = b""
        number = first.removeprefix(_GREETING).removesuffix(b"\n")
        is_greeting = first.startswith(_GREETING) and number.isdigit()
        if not is_greeting or not 0 < int(number) < len(self._addresses):
            connection.close()
            return
        connection.setblocking(False)
        earlier = self._workers.pop(int(number), None)
        if earlier:
            earlier.close()
        self._workers[int(number)] = connection


class Worker:
    """A worker's side: greets the chief until it answers.

    Args:
        chief: HOST:PORT of the chief.
        index: Index of this process.
    """

    def __init__(self, chief: str, index: int):
        self._chief, self._index = chief, index
        self._connection: socket.socket | None = None

    def missing(self) -> str:
        """Describes the processes waited for; "" once the chief has answered."""
        connection = self._connection or self._greet()
        if connection is None:
            return f"the chief {self._chief}, where no process listens"
        answer = _received(connection)
        if answer is None:
            return f"other workers, as the chief {self._chief} does"
        self.close()
        if answer == _GO:
            return ""
        return f"the chief {self._chief}, which runs an earlier attempt or has ended"

    def close(self) -> None:
        """Closes the connection."""
        if self._connection:
            self._connection.close()
        self._connection = None

    def _greet(self) -> socket.socket | None:
        """Connects and greets; returns the connection, None if no process listens."""
        try:
            connection = socket.create_connection(
                network.split_address(self._chief), _TIMEOUT
            )
            self._connection = connection
            connection.sendall(_GREETING + b"%d\n" % self._index)
            connection.setblocking(False)
        except OSError:
            self.close()
        return self._connection


def _received(connection: socket.socket) -> bytes | None:
    """Returns received bytes: b"" if the peer has closed, None if there are none."""
    try:
        return connection.recv(64)
    except BlockingIOError:
        return None
    except OSError:
        return b""
