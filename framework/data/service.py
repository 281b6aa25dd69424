"""Reads images for a run in another process, or on another machine.

python -m framework.data.service --port=5050

It serves runs with --input=service --service=HOST:5050 until it is stopped. Several
read in turn: --service=HOST1:5050,HOST2:5050. Image files must be at the same place for
all. If a server dies, runs wait until it is started again, and then resume, or end with
exit code 75 so that the same command does.

TensorFlow listens on all network interfaces, without authentication, and cannot be
bound to one address: who reaches one of the two ports can read and write files as the
user who started this. SECURITY.md says how to close them (network namespace, firewall,
SSH tunnel, Kubernetes NetworkPolicy). To be reached from other machines it needs
--host and --i_trust_this_network.
"""

from __future__ import annotations

import tensorflow as tf
from absl import flags

from framework.config import command
from framework.errors import RunError
from framework.system import network

_PORT = flags.DEFINE_integer(
    "port", 5050, "Port at which runs connect; 0 for any that is free.", 0, 65535
)
_READER_PORT = flags.DEFINE_integer(
    "reader_port",
    0,
    "Port from which they then read images, for firewall rules and tunnels; 0 for any "
    "that is free.",
    0,
    65535,
)
_HOST = flags.DEFINE_string(
    "host",
    "localhost",
    "Name by which runs reach this machine. The ports are open on all network "
    "interfaces whatever it is.",
)
_TRUST = flags.DEFINE_boolean(
    "i_trust_this_network",
    False,
    "Allow a --host beyond this machine, though there is no authentication.",
)


def main(arguments: list[str]) -> None:
    """Serves until the process is stopped."""
    del arguments
    network.check_trusted([_HOST.value], _TRUST.value, "--host")
    service = tf.data.experimental.service
    ports = [each.value or network.free_port() for each in (_PORT, _READER_PORT)]
    for port in ports:
        if not network.is_free(port):
            raise RunError(f"port {port} cannot be used: another process listens on it")
    network.warn_about_open_ports(*ports)
    port, reader_port = ports
    try:
        dispatcher = service.DispatchServer(service.DispatcherConfig(port=port))
        worker = service.WorkerServer(
            service.WorkerConfig(
                dispatcher_address=f"localhost:{port}",
                worker_address=f"{_HOST.value}:{reader_port}",
                port=reader_port,
            )
        )
    except tf.errors.OpError as problem:
        raise RunError(
            f"ports {port} and {reader_port} cannot be used: {problem.message}"
        ) from None
    print(f"serving: --input=service --service={_HOST.value}:{port}", flush=True)
    worker.join()
    dispatcher.join()


if __name__ == "__main__":
    command.run(main)
