"""Which devices share the work."""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import os

import tensorflow as tf

from framework.distributed import cluster as cluster_lib
from framework.distributed import rendezvous
from framework.errors import RunError, UsageError
from framework.system import network


def build_strategy(
    kind: str,
    devices: int = 0,
    cluster: str = "env",
    tpu: str = "",
    wait_for: float = 600.0,
    trusted: bool = False,
) -> tf.distribute.Strategy:
    """Returns the strategy of a kind.

    Args:
        kind: "default" for one device that TensorFlow chooses, "one_device" for the
            first, "mirrored" for several of this machine, "multi_worker" for all of
            several machines, "tpu" for those of a TPU.
        devices: How many to use with "mirrored", or of each machine with
            "multi_worker"; 0 for all. If there is no GPU and fewer CPUs, the CPU is
            divided into so many logical devices, which can be done only before
            TensorFlow first computes.
        cluster: Who knows the other machines; see
            `framework.distributed.cluster.resolve`.
        tpu: The name of a TPU; empty for that of this machine.
        wait_for: Seconds after which a wait for other machines is over.
        trusted: Whether machines beyond this one are allowed.

    Raises:
        UsageError: There are not so many devices, or no such cluster or TPU.
        RunError: This machine's part of a cluster cannot be started.
        OpError: The connection to other machines failed.
    """
    if kind == "default":
        return tf.distribute.get_strategy()
    if kind == "one_device":
        return tf.distribute.OneDeviceStrategy(_names(1)[0])
    if kind == "multi_worker":
        # Heeded if TensorFlow has not been loaded: a lost worker makes it write pages.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        members = cluster_lib.resolve(cluster, wait_for, trusted)
        strategy = _multi_worker(members, devices)
        # Of an equal one, if the strategy is of an earlier call.
        strategy.cluster_resolver.members = members
        return strategy
    if kind == "tpu":
        return _tpu(tpu)
    # Collectives of two strategies in one process get in each other's way; a reduction
    # to one device has none, and gives the same sums.
    reduction = (
        None
        if tf.config.list_physical_devices("GPU")
        else tf.distribute.ReductionToOneDevice()
    )
    return tf.distribute.MirroredStrategy(_names(devices), reduction)


@functools.cache
def _multi_worker(members: cluster_lib.Cluster, devices: int) -> tf.distribute.Strategy:
    """Returns the strategy over all machines; there can be one in a process."""
    gpus = tf.config.list_physical_devices("GPU")
    if devices > max(len(gpus), 1):
        raise UsageError(
            f"devices must be at most {max(len(gpus), 1)} on this machine, not "
            f"{devices}"
        )
    if gpus:
        tf.config.set_visible_devices(gpus[: devices or None], "GPU")
    implementation = tf.distribute.experimental.CommunicationImplementation
    # No timeout: for each sum TensorFlow would start a thread that sleeps so long, till
    # there can be no more. Workers are found dead by their heartbeat, after seconds.
    options = tf.distribute.experimental.CommunicationOptions(
        implementation=implementation.AUTO if gpus else implementation.RING
    )

    network.warn_about_open_ports(members.port)
    rendezvous.meet(members.addresses, members.index, members.wait_for)
    _limit_registration(members)
    try:
        return tf.distribute.MultiWorkerMirroredStrategy(members.resolver, options)
    except RuntimeError as problem:
        raise RunError(
            f"the strategy over several machines must be the first that TensorFlow is "
            f"asked for: {problem}"
        ) from None


def _limit_registration(members: cluster_lib.Cluster) -> None:
    """Has the constructor of the strategy wait no longer than `wait_for`.

    It waits only for processes that end after all have met, but then for an hour, and
    silently: it holds Python's lock. Nothing public sets this; where TensorFlow's
    internals are other than expected, they are left alone.
    """
    with contextlib.suppress(ImportError, AttributeError, TypeError):
        from tensorflow.python.distribute import multi_worker_util
        from tensorflow.python.eager import context

        spec = members.resolver.cluster_spec()
        jobs = tf.compat.v1.ConfigProto().experimental.coordination_config
        for job in ("chief", "worker"):
            if job in spec.jobs:
                jobs.coordinated_job_list.add(name=job, num_tasks=spec.num_tasks(job))
        context.context().configure_coordination_service(
            service_type="standalone",
            service_leader=multi_worker_util.coordination_leader(spec),
            cluster_register_timeout_in_ms=int(members.wait_for * 1000),
            coordinated_jobs=list(jobs.coordinated_job_list),
        )


@functools.cache
def _tpu(name: str) -> tf.distribute.Strategy:
    """Returns the strategy over a TPU's cores; there can be one in a process."""
    try:
        importlib.metadata.version("tensorflow-tpu")
    except importlib.metadata.PackageNotFoundError:
        raise UsageError(
            "--strategy=tpu: this TensorFlow has no TPU support; install "
            "tensorflow-tpu on a TPU VM"
        ) from None
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(tpu=name)
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
    except (ValueError, RuntimeError, tf.errors.OpError) as problem:
        raise UsageError(
            f"--strategy=tpu: TPU {name or 'local'!r} cannot be reached: {problem}"
        ) from None
    return tf.distribute.TPUStrategy(resolver)


def _names(count: int) -> list[str]:
    """Returns the names of so many devices, GPUs if there are any."""
    kind = "GPU" if tf.config.list_physical_devices("GPU") else "CPU"
    if kind == "CPU" and count > 1:
        _divide_cpu(count)
    names = [device.name for device in tf.config.list_logical_devices(kind)]
    if count > len(names):
        raise UsageError(f"devices must be at most {len(names)} here, not {count}")
    return names[: count or None]


def _divide_cpu(count: int) -> None:
    """Makes logical devices of the CPU, unless it is too late for that."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    if tf.config.get_logical_device_configuration(cpu):
        return
    parts = [tf.config.LogicalDeviceConfiguration()] * count
    try:
        tf.config.set_logical_device_configuration(cpu, parts)
    except RuntimeError:
        return
