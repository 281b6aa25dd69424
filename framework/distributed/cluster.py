"""Cluster resolvers: the processes of a run on several machines."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from collections.abc import Sequence
from typing import TypeAlias

import tensorflow as tf

from framework.errors import UsageError
from framework.system import network, waiting

_EXAMPLE = (
    '{"cluster": {"worker": ["host1:12345", "host2:12345"]}, '
    '"task": {"type": "worker", "index": 0}}'
)
_KUBERNETES = ("JOB_NAME", "HOST_IP", "WORKERS")


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The cluster of a run; each of its processes is a member.

    Attributes:
        addresses: HOST:PORT of each member; the first is the chief.
        index: Index of this process.
        wait_for: The maximum number of seconds to wait for another member.
        resolver: The cluster resolver for a strategy.
    """

    addresses: tuple[str, ...]
    index: int
    wait_for: float = dataclasses.field(compare=False)
    resolver: tf.distribute.cluster_resolver.ClusterResolver = dataclasses.field(
        compare=False, repr=False
    )

    @property
    def port(self) -> int:
        """The port that this process listens on."""
        return network.split_address(self.addresses[self.index])[1]

    def others(self) -> str:
        """Returns the members that this one waits for, as text for a message.

        These are the members that do not listen. If all listen, one of them is busy.
        """
        own = self.addresses[self.index]
        others = [address for address in self.addresses if address != own]
        missing = network.unreachable(others)
        if missing:
            return f"{self._describe(missing)}, where no process listens"
        return f"{self._describe(others)}, running but not at the same point yet"

    def waiting(self) -> contextlib.AbstractContextManager[None]:
        """Guards a call that waits for the other members."""
        return waiting.watchdog(self.others, self.wait_for)

    def _describe(self, addresses: Sequence[str]) -> str:
        chief = self.addresses[0]
        phrases = [f"the chief {chief}"] if chief in addresses else []
        workers = [address for address in addresses if address != chief]
        if workers:
            plural = "s" if len(workers) > 1 else ""
            phrases.append(f"worker{plural} {', '.join(workers)}")
        return " and ".join(phrases)


def of(strategy: tf.distribute.Strategy) -> Cluster | None:
    """Returns the cluster that a strategy was built for, if there is one."""
    resolver = getattr(strategy, "cluster_resolver", None)
    return getattr(resolver, "members", None)


def resolve(kind: str, wait_for: float, trusted: bool = False) -> Cluster:
    """Returns the cluster that this process is part of.

    Args:
        kind: The source: "env" (the variable TF_CONFIG), "slurm" or "kubernetes".
        wait_for: The maximum number of seconds to wait for other processes.
        trusted: Whether addresses of other machines are allowed.

    Raises:
        UsageError: The source does not describe a cluster, or an address is invalid or
            of another machine.
        WorkerLostError: Not all pods of a Kubernetes job run within `wait_for`.
    """
    if kind == "kubernetes":
        spec, job, task = _kubernetes(wait_for)
    else:
        spec, job, task = {"env": _env, "slurm": _slurm}[kind]()
    if job not in ("chief", "worker") or task is None:
        raise UsageError(f"this process must be a worker of the cluster, not {job!r}")
    source = {"env": "TF_CONFIG", "slurm": "Slurm", "kubernetes": "Kubernetes"}[kind]
    jobs = [name for name in ("chief", "worker") if name in spec.jobs]
    addresses = tuple(address for name in jobs for address in spec.job_tasks(name))
    if None in addresses or len(set(addresses)) < len(addresses):
        raise UsageError(f"{source} must give each worker an address of its own")
    hosts = [network.split_address(address)[0] for address in addresses]
    network.check_trusted(hosts, trusted, source)
    index = addresses.index(spec.task_address(job, task))
    return Cluster(addresses, index, wait_for, _resolver(spec, job, task))


def _resolver(
    spec: tf.train.ClusterSpec, job: str, task: int
) -> tf.distribute.cluster_resolver.ClusterResolver:
    gpus = len(tf.config.list_physical_devices("GPU"))
    # TensorFlow's own resolvers run nvidia-smi, and fail where it is not installed.
    return tf.distribute.cluster_resolver.SimpleClusterResolver(
        spec,
        task_type=job,
        task_id=task,
        num_accelerators={"GPU": gpus},
        rpc_layer="grpc",
    )


# The cluster's specification, and this process's job and index in it.
Membership: TypeAlias = "tuple[tf.train.ClusterSpec, str | None, int | None]"


def _env() -> Membership:
    text = os.environ.get("TF_CONFIG", "")
    try:
        task = json.loads(text)["task"]
        spec = tf.train.ClusterSpec(json.loads(text)["cluster"])
        name, index = task["type"], int(task["index"])
        spec.task_address(name, index)
    except (ValueError, KeyError, TypeError) as problem:
        raise UsageError(
            f"TF_CONFIG must be set to something like '{_EXAMPLE}', with another "
            f"index for each process, not {text!r} ({problem})"
        ) from None
    return spec, name, index


def _slurm() -> Membership:
    try:
        tasks = int(os.environ["SLURM_STEP_NUM_TASKS"])
        resolver = tf.distribute.cluster_resolver.SlurmClusterResolver(
            # Slurm assigns GPUs itself. One per task gives each task an address.
            gpus_per_node=tasks,
            gpus_per_task=1,
            auto_set_gpu=False,
        )
        spec = resolver.cluster_spec()
    except (KeyError, RuntimeError, ValueError) as problem:
        raise UsageError(
            f"--cluster=slurm must be started by srun, with one task per machine or "
            f"GPU: {problem}"
        ) from None
    return spec, *resolver.get_task_info()


def _kubernetes(wait_for: float) -> Membership:
    missing = [name for name in _KUBERNETES if name not in os.environ]
    if missing:
        raise UsageError(
            f"--cluster=kubernetes needs the environment variables JOB_NAME (of the "
            f"job), HOST_IP (status.hostIP of the pod) and WORKERS (number of pods); "
            f"there is no {missing[0]}"
        )
    try:
        # An optional package, perhaps not installed where types are checked.
        from kubernetes import (  # type: ignore[import-not-found,unused-ignore]
            client,
            config,
        )
    except ImportError:
        raise UsageError(
            "--cluster=kubernetes needs the package kubernetes: pip install kubernetes"
        ) from None
    job, host, count = (os.environ[name] for name in _KUBERNETES)
    if not count.isdecimal():
        raise UsageError(f"WORKERS must be the number of pods, not {count!r}")
    config.load_incluster_config()
    resolver = tf.distribute.cluster_resolver.KubernetesClusterResolver(
        {"worker": [f"job-name={job}"]}, override_client=client.CoreV1Api()
    )
    spec = wait_for_pods(resolver, job, int(count), wait_for)
    hosts = [network.split_address(address)[0] for address in spec.job_tasks("worker")]
    if len(hosts) != int(count) or hosts.count(host) != 1:
        raise UsageError(
            f"there must be {count} pods of {job} on as many machines, this one on "
            f"{host}; there are pods on {', '.join(hosts)}"
        )
    return spec, "worker", hosts.index(host)


def wait_for_pods(
    resolver: tf.distribute.cluster_resolver.ClusterResolver,
    job: str,
    count: int,
    wait_for: float,
) -> tf.train.ClusterSpec:
    """Waits for a job's pods to run.

    Args:
        resolver: Lists the pods.
        job: The name of the job, for messages.
        count: The number of pods.
        wait_for: Seconds.

    Returns:
        Their addresses.

    Raises:
        WorkerLostError: They do not run in time.
    """
    specs: list[tf.train.ClusterSpec] = []

    def missing() -> str:
        try:
            specs.append(resolver.cluster_spec())
        except RuntimeError as problem:
            return f"the pods of {job} ({problem})"
        running = specs[-1].num_tasks("worker")
        return "" if running >= count else f"the pods of {job} ({running} of {count})"

    waiting.until_available(missing, wait_for)
    return specs[-1]
