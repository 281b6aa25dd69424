"""Network addresses of other processes: parsing, trust, and open ports.

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

# Timeout in seconds of a connection to one address.
_TIMEOUT = 1.0


def split_address(address: str) -> tuple[str, int]:
    """Splits "HOST:PORT" into host and port; an IPv6 host is in brackets.

    >>> split_address("[::1]:5050")
    ('::1', 5050)

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
    """Returns whether a host name or IP address is a loopback address.

    Names are not resolved, because the resolver is not trusted.
    """
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_trusted(hosts: Iterable[str], trusted: bool, source: str) -> None:
    """Refuses hosts other than this machine, unless the user trusts the network.

    Args:
        hosts: Host names or IP addresses.
        trusted: Whether the user trusts the network.
        source: The flag or variable that names them, for messages.

    Raises:
        UsageError: A host is not this machine's loopback address.
    """
    for host in hosts:
        if not trusted and not is_loopback(host):
            raise UsageError(
                f"{source} names {host!r}, which is not this machine's loopback "
                f"address: TensorFlow's servers have no authentication, and anybody "
                f"who reaches their ports can read and write files as you; if you "
                f"trust the network, give --i_trust_this_network (see SECURITY.md)"
            )


def unreachable(addresses: Sequence[str]) -> list[str]:
    """Returns the addresses, as "HOST:PORT", that do not accept a connection."""
    if not addresses:
        return []
    with futures.ThreadPoolExecutor(min(len(addresses), 32)) as pool:
        listening = list(pool.map(_is_listening, addresses))
    return [
        address
        for address, is_listening in zip(addresses, listening, strict=True)
        if not is_listening
    ]


def _is_listening(address: str) -> bool:
    try:
        with socket.create_connection(split_address(address), _TIMEOUT):
            return True
    # UnicodeError: an invalid name, such as one with an empty label.
    except (OSError, UnicodeError):
        return False


def is_free(port: int) -> bool:
    """Returns whether no process listens on a port of this machine.

    TensorFlow's servers would silently share a port in use. Port 0 is always free.
    """
    with socket.socket() as probe:
        # Ignores remaining connections of a server that was killed.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            return False
        return True


def free_port() -> int:
    """Returns a port on which no process listens."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        port: int = probe.getsockname()[1]
        return port


def warn_about_open_ports(*ports: int) -> None:
    """Prints on stderr that ports are open to the network, if there is a network.

    Args:
        *ports: The ports on which TensorFlow listens or will listen.
    """
    if all(name == "lo" for _, name in socket.if_nameindex()):
        return
    plural, are, them = ("", "is", "it") if len(ports) == 1 else ("s", "are", "them")
    print(
        f"notice: port{plural} {', '.join(map(str, ports))} {are} open on all network "
        f"interfaces, without authentication: anybody who reaches {them} can read and "
        f"write files as this user; SECURITY.md says how to close them",
        file=sys.stderr,
        flush=True,
    )
