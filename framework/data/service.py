"""Reads images for a run in another process, or on another machine.

python -m framework.data.service --port=5050

It serves runs with --input=service --service=HOST:5050 until it is stopped. Several
read in turn: --service=HOST1:5050,HOST2:5050. Image files must be at the same place for
all. If a server dies, runs wait until it is started again, and then go on, or end with
exit code 75 so that the same command does.
"""

from __future__ import annotations

import socket

import tensorflow as tf
from absl import flags

from framework import command
from framework.errors import RunError

_PORT = flags.DEFINE_integer("port", 5050, "Where to be asked.", 0, 65535)
_HOST = flags.DEFINE_string("host", "localhost", "By which name runs reach this host.")


def main(arguments: list[str]) -> None:
    """Serves until the process is stopped."""
    del arguments
    service = tf.data.experimental.service
    _check_free(_PORT.value)
    try:
        dispatcher = service.DispatchServer(service.DispatcherConfig(port=_PORT.value))
        address = dispatcher.target.removeprefix("grpc://")
        worker = service.WorkerServer(
            service.WorkerConfig(
                dispatcher_address=address, worker_address=f"{_HOST.value}:%port%"
            )
        )
    except tf.errors.OpError as problem:
        raise RunError(
            f"port {_PORT.value} cannot be used: {problem.message}"
        ) from None
    port = address.rpartition(":")[2]
    print(f"serving: --input=service --service={_HOST.value}:{port}", flush=True)
    worker.join()
    dispatcher.join()


def _check_free(port: int) -> None:
    """Refuses a port that is taken, which the server would share without a word."""
    with socket.socket() as probe:
        # What is left of connections to a server that was killed is no server.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError as problem:
            raise RunError(f"port {port} cannot be used: {problem.strerror}") from None


if __name__ == "__main__":
    command.run(main)
