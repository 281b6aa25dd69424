"""Client side of --input=service: the tf.data servers of a run."""

from __future__ import annotations

import contextlib
import dataclasses

from framework.system import network, waiting


@dataclasses.dataclass(frozen=True)
class Servers:
    """tf.data service servers that read images in turn.

    Attributes:
        addresses: HOST:PORT of each server.
        wait_for: The maximum number of seconds to wait for a server.
    """

    addresses: tuple[str, ...]
    wait_for: float = 600.0

    @classmethod
    def parse(cls, text: str, wait_for: float, trusted: bool) -> Servers:
        """Parses addresses such as "localhost:5050,localhost:5051".

        >>> Servers.parse("localhost:5050", wait_for=60.0, trusted=False).addresses
        ('localhost:5050',)

        Args:
            text: Addresses, joined by commas.
            wait_for: The maximum number of seconds to wait for a server.
            trusted: Whether addresses of other machines are allowed.

        Raises:
            UsageError: An address is invalid, or of another machine.
        """
        addresses = tuple(address.strip() for address in text.split(","))
        hosts = [network.split_address(address)[0] for address in addresses]
        network.check_trusted(hosts, trusted, "--service")
        return cls(addresses, wait_for)

    def missing(self) -> str:
        """Returns the unreachable servers for a message; "" if there are none."""
        addresses = network.unreachable(self.addresses)
        if not addresses:
            return ""
        return f"--service={','.join(addresses)}, where no server listens"

    def wait(self) -> None:
        """Waits until all servers listen.

        Raises:
            WorkerLostError: A server does not listen within `wait_for` seconds.
        """
        waiting.until_available(self.missing, self.wait_for, silent=0.0)

    def waiting(self) -> contextlib.AbstractContextManager[None]:
        """Guards a call that reads from the servers: it waits while one is down."""
        return waiting.watchdog(self.missing, self.wait_for)
