"""Tests of framework/distributed/rendezvous.py."""

import contextlib
import socket
import threading

import pytest

from framework.distributed import rendezvous
from framework.distributed.rendezvous import Chief, Worker
from framework.errors import WorkerLostError
from framework.system import network, waiting


@pytest.fixture
def addresses():
    return [f"localhost:{network.free_port()}" for _ in range(3)]


@pytest.fixture
def chief(addresses):
    with contextlib.closing(Chief(addresses)) as chief:
        yield chief


@pytest.fixture
def workers(addresses):
    built = [Worker(addresses[0], index) for index in (1, 2)]
    yield built
    for each in built:
        each.close()


def test_all_are_sent_on_when_all_have_come(addresses, chief, workers):
    assert chief.missing() == f"workers {addresses[1]}, {addresses[2]}"
    assert "other workers, as the chief" in workers[1].missing()
    assert chief.missing() == f"worker {addresses[1]}"
    assert "other workers, as the chief" in workers[0].missing()
    assert chief.missing() == ""
    assert [each.missing() for each in workers] == ["", ""]


def test_a_worker_that_leaves_is_missing_again(addresses, chief, workers):
    for each in workers:
        each.missing()
    workers[1].close()
    assert chief.missing() == f"worker {addresses[2]}"
    workers[1].missing()
    assert chief.missing() == ""


def test_a_worker_that_is_started_again_takes_its_place(chief, workers, addresses):
    workers[0].missing()
    chief.missing()
    again = Worker(addresses[0], 1)
    again.missing()
    workers[1].missing()
    assert chief.missing() == ""
    assert again.missing() == ""
    assert "has ended" in workers[0].missing()
    again.close()


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"whyflat worker 3\n",
        b"whyflat worker 0\n",
        b"whyflat worker -1\n",
        b"whyflat worker \xb2\n",
    ],
)
def test_strangers_are_sent_away(message, addresses, chief):
    with socket.create_connection(network.split_address(addresses[0])) as stranger:
        stranger.sendall(message)
        stranger.shutdown(socket.SHUT_WR)
        assert chief.missing() == f"workers {addresses[1]}, {addresses[2]}"
        stranger.settimeout(5.0)
        with contextlib.suppress(ConnectionResetError):
            assert stranger.recv(1) == b""


def test_a_chief_of_an_earlier_attempt_is_not_joined(workers, addresses):
    assert "where no process listens" in workers[0].missing()
    with socket.create_server(
        ("localhost", network.split_address(addresses[0])[1])
    ) as server:
        assert "other workers" in workers[0].missing()
        # As TensorFlow's server does: the settings of HTTP/2.
        with server.accept()[0] as connection:
            connection.sendall(b"\x00\x00\x00\x04\x00\x00\x00\x00\x00")
            assert "runs an earlier attempt" in workers[0].missing()
    assert "where no process listens" in workers[0].missing()


def test_processes_meet(addresses):
    threads = [
        threading.Thread(target=rendezvous.meet, args=(addresses, index, 60.0))
        for index in (2, 1)
    ]
    for thread in threads:
        thread.start()
    rendezvous.meet(addresses, 0, 60.0)
    for thread in threads:
        thread.join(60.0)
        assert not thread.is_alive()
    # The ports are free for TensorFlow.
    assert all(network.is_free(network.split_address(each)[1]) for each in addresses)
    rendezvous.meet(addresses[:1], 0, 60.0)


@pytest.mark.parametrize("index", [0, 1])
def test_a_wait_ends(index, addresses, monkeypatch):
    monkeypatch.setattr(waiting, "_POLL", 0.0)
    with pytest.raises(WorkerLostError, match="waited 0 s"):
        rendezvous.meet(addresses, index, 0.01)


def test_a_port_that_is_taken_is_waited_for(addresses):
    with (
        socket.create_server(("", network.split_address(addresses[1])[1])),
        pytest.raises(WorkerLostError, match="another process still listens"),
    ):
        rendezvous.meet(addresses, 1, 0.01)
