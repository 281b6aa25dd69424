"""Tests of framework/system/network.py."""

import socket

import pytest

from framework.errors import UsageError
from framework.system import network


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("localhost:5050", ("localhost", 5050)),
        ("[::1]:80", ("::1", 80)),
        ("a.b.c:65535", ("a.b.c", 65535)),
    ],
)
def test_splits_an_address(address, expected):
    assert network.split_address(address) == expected


@pytest.mark.parametrize(
    "address", ["", "localhost", ":5050", "a:", "a:0", "a:65536", "a:x", "a:-1", "a:²"]
)
def test_refuses_other_forms(address):
    with pytest.raises(UsageError, match="address"):
        network.split_address(address)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("LOCALHOST", True),
        ("127.0.0.1", True),
        ("127.255.3.4", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("128.0.0.1", False),
        ("10.0.0.1", False),
        ("reader1", False),
        ("localhost.example.com", False),
        ("127.0.0.1.example.com", False),
        ("2130706433", False),
        ("", False),
    ],
)
def test_only_loopback_hosts_are_trusted(host, expected):
    assert network.is_loopback(host) == expected
    network.check_trusted([host], True, "--host")
    if not expected:
        with pytest.raises(UsageError, match=r"--host names .*--i_trust_this_network"):
            network.check_trusted(["localhost", host], False, "--host")


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_finds_listening_ports(listener):
    free = network.free_port()
    addresses = [f"127.0.0.1:{listener}", f"127.0.0.1:{free}", "no..name:1"]
    assert network.unreachable(addresses) == addresses[1:]
    assert network.unreachable([]) == []
    assert network.is_free(free)
    assert not network.is_free(listener)


@pytest.mark.parametrize(
    ("interfaces", "ports", "expected"),
    [
        (["lo"], [1], ""),
        (["lo", "eth0"], [1], "notice: port 1 is open on all"),
        (["lo", "eth0"], [1, 2], "notice: ports 1, 2 are open on all"),
    ],
)
def test_warns_about_open_ports(interfaces, ports, expected, monkeypatch, capsys):
    named = list(enumerate(interfaces))
    monkeypatch.setattr(socket, "if_nameindex", lambda: named)
    network.warn_about_open_ports(*ports)
    printed = capsys.readouterr().err
    assert printed.startswith(expected)
    assert len(printed.splitlines()) == bool(expected)
