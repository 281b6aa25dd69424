"""The servers of --input=service, as a run sees them."""

from __future__ import annotations

import contextlib
import dataclasses

from framework.system import network, waiting


@dataclasses.dataclass(frozen=True)
class Servers:
    """Servers of tf.data's service that read images in turn.

    Attributes:
        addresses: HOST:PORT of each.
        wait_for: Seconds after which a wait for one of them is over.
    """

    addresses: tuple[str, ...]
    wait_for: float = 600.0

    @classmethod
    def parse(cls, text: str, wait_for: float, trusted: bool) -> Servers:
        """Returns the servers of a text such as "localhost:5050,localhost:5051".

        Args:
            text: Addresses, joined by commas.
            wait_for: Seconds after which a wait for one of them is over.
            trusted: Whether addresses beyond this machine are allowed.

        Raises:
            UsageError: An address is none, or beyond this machine.
        """
        addresses = tuple(each.strip() for each in text.split(","))
        hosts = [network.split_address(address)[0] for address in addresses]
        network.check_trusted(hosts, trusted, "--service")
        return cls(addresses, wait_for)

    def missing(self) -> str:
        """Returns at which addresses nobody listens, for a message."""
        addresses = network.unreachable(self.addresses)
        if not addresses:
            return ""
        return f"--service={','.join(addresses)}, where nobody listens"

    def wait(self) -> None:
        """Waits until all of them listen.

        Raises:
            WorkerLostError: They do not within `wait_for`.
        """
        waiting.until_available(self.missing, self.wait_for, silent=0.0)

    def waiting(self) -> contextlib.AbstractContextManager[None]:
        """Watches over a call that reads from them: it waits while one is down."""
        return waiting.watchdog(self.missing, self.wait_for)
