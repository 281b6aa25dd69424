"""Network addresses of other processes: syntax, trust, and who listens there.

TensorFlow's servers listen on all network interfaces, without authentication or
encryption, and cannot be bound to one address; see SECURITY.md.
"""

from __future__ import annotations

import ipaddress
import socket
import sys
from collections.abc import Iterable, Sequence
from concurrent import futures

from framework.errors import UsageError

# Seconds for one address to accept a connection.
_TIMEOUT = 1.0


def split(address: str) -> tuple[str, int]:
    """Returns host and port of "HOST:PORT"; an IPv6 host stands in brackets.

    Raises:
        UsageError: It has another form, or the port is not from 1 to 65535.
    """
    host, _, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isascii() or not port.isdigit():
        raise UsageError(f"an address must be HOST:PORT, not {address!r}")
    if not 0 < int(port) < 2**16:
        raise UsageError(f"the port of an address must be 1 to 65535: {address!r}")
    return host, int(port)


def is_loopback(host: str) -> bool:
    """Returns whether a host's name or number is this machine's to itself.

    Names are not resolved: whoever answers for them could say anything.
    """
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_trusted(hosts: Iterable[str], trusted: bool, source: str) -> None:
    """Refuses hosts beyond this machine, unless the user trusts the network.

    Args:
        hosts: Names or numbers.
        trusted: Whether the user does.
        source: Where they come from, for the message.

    Raises:
        UsageError: One is beyond this machine.
    """
    for host in hosts:
        if not trusted and not is_loopback(host):
            raise UsageError(
                f"{source} names {host!r}, which is not this machine's loopback "
                f"address: TensorFlow's servers have no authentication, and who "
                f"reaches their ports can read and write files as you; if all who can "
                f"are trusted, give --i_trust_this_network (see SECURITY.md)"
            )


def unreachable(addresses: Sequence[str]) -> list[str]:
    """Returns those of some "HOST:PORT" at which nobody accepts a connection."""
    if not addresses:
        return []
    with futures.ThreadPoolExecutor(min(len(addresses), 32)) as pool:
        listening = list(pool.map(_is_listening, addresses))
    return [
        address
        for address, answers in zip(addresses, listening, strict=True)
        if not answers
    ]


def _is_listening(address: str) -> bool:
    try:
        with socket.create_connection(split(address), _TIMEOUT):
            return True
    # UnicodeError: a name that cannot be one, such as one with an empty label.
    except (OSError, UnicodeError):
        return False


def is_free(port: int) -> bool:
    """Returns whether nobody listens on a port of this machine.

    A server of TensorFlow would share it without a word. Port 0 is any that is free.
    """
    with socket.socket() as probe:
        # Connections left over from a server that was killed are no server.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            return False
        return True


def free_port() -> int:
    """Returns a port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        return probe.getsockname()[1]


def tell_exposure(*ports: int) -> None:
    """Prints on stderr that ports are open to others, unless this machine has none.

    Args:
        *ports: On which TensorFlow listens, or is going to.
    """
    if all(name == "lo" for _, name in socket.if_nameindex()):
        return
    plural, are, them = ("", "is", "it") if len(ports) == 1 else ("s", "are", "them")
    print(
        f"note: port{plural} {', '.join(map(str, ports))} {are} open on all network "
        f"interfaces, without authentication: who reaches {them} can read and write "
        f"files as this user; SECURITY.md says how to close them",
        file=sys.stderr,
        flush=True,
    )
