"""Reads images for a run in another process, or on another machine.

python -m framework.data.service --port=5050

The server serves runs with --input=service --service=HOST:5050 until it is stopped.
Several servers read in turn: --service=HOST1:5050,HOST2:5050. Image files must have the
same paths on all machines. If a server dies, runs wait for it to be restarted and then
resume, or end with exit code 75 so that the same command resumes them.

TensorFlow listens on all network interfaces without authentication, and cannot be bound
to one address. Anyone who reaches one of the two ports can read and write files as the
user who started this server. SECURITY.md says how to close the ports (network
namespace, firewall, SSH tunnel, Kubernetes NetworkPolicy). Serving other machines needs
--host and --i_trust_this_network.
"""

from __future__ import annotations

import tensorflow as tf
from absl import flags

from framework.config import command
from framework.errors import RunError
from framework.system import network

_PORT = flags.DEFINE_integer(
    "port",
    5050,
    "Port at which runs connect, such as 5050; 0 for any free port.",
    0,
    65535,
)
_READER_PORT = flags.DEFINE_integer(
    "reader_port",
    0,
    "Port from which runs read images, such as 5051 where a firewall needs a fixed "
    "one; 0 for any free port.",
    0,
    65535,
)
_HOST = flags.DEFINE_string(
    "host",
    "localhost",
    "Name or address by which runs reach this machine, such as reader1; the ports are "
    "open on all network interfaces regardless.",
)
_TRUST = flags.DEFINE_boolean(
    "i_trust_this_network",
    False,
    "Allow a --host that other machines can reach, though there is no authentication.",
)


def main(arguments: list[str]) -> None:
    """Serves images until the process is stopped."""
    del arguments
    network.check_trusted([_HOST.value], _TRUST.value, "--host")
    service = tf.data.experimental.service
    ports = [flag.value or network.free_port() for flag in (_PORT, _READER_PORT)]
    for port in ports:
        if not network.is_free(port):
            raise RunError(
                f"port {port} is in use by another process; choose another --port or "
                "--reader_port"
            )
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
