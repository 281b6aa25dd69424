"""Builds the distribution strategy of a run."""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import os

import tensorflow as tf

from framework.distributed import cluster as cluster_lib
from framework.distributed import rendezvous
from framework.errors import RunError, UsageError
from framework.system import network, quiet

# Strategies that take a number of devices.
_OF_SEVERAL = ("mirrored", "multi_worker")


def build_strategy(
    kind: str,
    devices: int = 0,
    cluster: str = "env",
    tpu: str = "",
    wait_for: float = 600.0,
    trusted: bool = False,
) -> tf.distribute.Strategy:
    """Builds a distribution strategy.

    Args:
        kind: "default" for a device chosen by TensorFlow, "one_device" for the first
            device, "mirrored" for several devices of this machine, "multi_worker" for
            several machines, "tpu" for the cores of a TPU.
        devices: The number of devices of "mirrored", or per machine of "multi_worker";
            0 for all. Without a GPU, the CPU is divided into that number of logical
            devices, which works only before TensorFlow first computes.
        cluster: The cluster resolver; see `framework.distributed.cluster.resolve`.
        tpu: The name of a TPU; empty for the local one.
        wait_for: The maximum number of seconds to wait for other machines.
        trusted: Whether other machines are allowed.

    Raises:
        UsageError: There are too few devices, or no such cluster or TPU.
        RunError: The strategy over several machines cannot be built.
        OpError: The connection to other machines failed.
    """
    if devices > 1 and kind not in _OF_SEVERAL:
        raise UsageError(
            f"--devices={devices} needs --strategy=mirrored; --strategy={kind} does "
            f"not take a number of devices"
        )
    if kind == "multi_worker":
        # Effective if TensorFlow is not loaded yet. It logs pages for a lost worker.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # The first search for devices warns about missing CUDA drivers. It is still to come
    # where the user's program has imported TensorFlow or Keras before this package.
    with quiet.suppressed_stderr():
        tf.config.list_physical_devices()
    if kind == "default":
        return tf.distribute.get_strategy()
    if kind == "one_device":
        return tf.distribute.OneDeviceStrategy(_device_names(1)[0])
    if kind == "multi_worker":
        members = cluster_lib.resolve(cluster, wait_for, trusted)
        strategy = _multi_worker(members, devices)
        # The strategy may be cached from an earlier call with an equal cluster.
        strategy.cluster_resolver.members = members
        return strategy
    if kind == "tpu":
        return _tpu(tpu)
    # Collectives of two strategies in one process interfere with each other. A
    # reduction to one device uses none, and gives the same sums.
    reduction = (
        None
        if tf.config.list_physical_devices("GPU")
        else tf.distribute.ReductionToOneDevice()
    )
    return tf.distribute.MirroredStrategy(_device_names(devices), reduction)


@functools.cache
def _multi_worker(members: cluster_lib.Cluster, devices: int) -> tf.distribute.Strategy:
    """Builds the strategy over all machines; a process can have only one."""
    gpus = tf.config.list_physical_devices("GPU")
    if devices > max(len(gpus), 1):
        raise UsageError(
            f"--devices must be at most {max(len(gpus), 1)} on this machine, not "
            f"{devices}"
        )
    if gpus:
        tf.config.set_visible_devices(gpus[: devices or None], "GPU")
    implementation = tf.distribute.experimental.CommunicationImplementation
    # No timeout: TensorFlow would start a thread for each reduction that sleeps as
    # long, until no more threads can start. Lost workers are detected by heartbeats.
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
            f"the strategy over several machines must be built before any other use "
            f"of TensorFlow: {problem}"
        ) from None


def _limit_registration(members: cluster_lib.Cluster) -> None:
    """Limits the wait of the strategy's constructor to `wait_for` seconds.

    The constructor waits for processes that end after the rendezvous, by default for an
    hour, silently and holding Python's lock. There is no public setting. If
    TensorFlow's internals have changed, nothing is done.
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
    """Builds the strategy over a TPU's cores; a process can have only one."""
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


def _device_names(count: int) -> list[str]:
    """Returns the names of `count` devices (0 for all): GPUs if there are any."""
    kind = "GPU" if tf.config.list_physical_devices("GPU") else "CPU"
    if kind == "CPU" and count > 1:
        _divide_cpu(count)
    names = [device.name for device in tf.config.list_logical_devices(kind)]
    if count > len(names):
        raise UsageError(
            f"--devices must be at most {len(names)} on this machine, not {count}"
        )
    return names[: count or None]


def _divide_cpu(count: int) -> None:
    """Divides the CPU into logical devices, unless TensorFlow uses it already."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    if tf.config.get_logical_device_configuration(cpu):
        return
    logical = [tf.config.LogicalDeviceConfiguration()] * count
    try:
        tf.config.set_logical_device_configuration(cpu, logical)
    except RuntimeError:
        return
