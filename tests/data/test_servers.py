"""Tests of framework/data/servers.py."""

import pytest

from framework.data.servers import Servers
from framework.errors import UsageError, WorkerLostError
from framework.system import network


def test_addresses_are_joined_by_commas():
    servers = Servers.parse("localhost:1, 127.0.0.1:2", 5.0, trusted=False)
    assert servers == Servers(("localhost:1", "127.0.0.1:2"), 5.0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "HOST:PORT"),
        ("localhost", "HOST:PORT"),
        ("localhost:5050,", "HOST:PORT"),
        ("localhost:99999", "1 to 65535"),
        ("localhost:5050,reader2:5050", "--i_trust_this_network"),
    ],
)
def test_what_is_refused(text, expected):
    with pytest.raises(UsageError, match=expected):
        Servers.parse(text, 5.0, trusted=False)


def test_servers_elsewhere_need_trust():
    assert Servers.parse("reader2:5050", 5.0, trusted=True).addresses


def test_where_nobody_listens_a_wait_ends():
    servers = Servers((f"127.0.0.1:{network.free_port()}",), wait_for=1e-9)
    with pytest.raises(WorkerLostError, match="where no server listens"):
        servers.wait()
