"""The processes of a run on several machines, and which of them this one is."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from typing import Any

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
    """The processes of a run, each a member of the cluster.

    Attributes:
        addresses: HOST:PORT of each member; the first is the chief.
        index: Which of them this process is.
        wait_for: Seconds after which a wait for another member is over.
        resolver: What a strategy takes.
    """

    addresses: tuple[str, ...]
    index: int
    wait_for: float = dataclasses.field(compare=False)
    resolver: Any = dataclasses.field(compare=False, repr=False)

    @property
    def port(self) -> int:
        """The port on which this process listens."""
        return network.split_address(self.addresses[self.index])[1]

    def others(self) -> str:
        """Returns for which other members this one waits.

        Those that do not listen; or all, for one of them must be busy.
        """
        others = [each for each in self.addresses if each != self.addresses[self.index]]
        missing = network.unreachable(others)
        if missing:
            return f"{self._named(missing)}, where nobody listens"
        return f"{self._named(others)}, running but not at the same point yet"

    def waiting(self) -> contextlib.AbstractContextManager[None]:
        """Watches over a call that waits for the other members."""
        return waiting.watchdog(self.others, self.wait_for)

    def _named(self, addresses: list[str]) -> str:
        chief = self.addresses[0]
        named = [f"the chief {chief}"] if chief in addresses else []
        workers = [each for each in addresses if each != chief]
        if workers:
            named.append(f"worker{'s' * (len(workers) > 1)} {', '.join(workers)}")
        return " and ".join(named)


def of(strategy: tf.distribute.Strategy) -> Cluster | None:
    """Returns the cluster over which a strategy was built, if there is one."""
    resolver = getattr(strategy, "cluster_resolver", None)
    return getattr(resolver, "members", None)


def resolve(kind: str, wait_for: float, trusted: bool = False) -> Cluster:
    """Returns the cluster that this process is part of.

    Args:
        kind: Who knows: "env" (the variable TF_CONFIG), "slurm", or "kubernetes".
        wait_for: Seconds after which a wait for others is over.
        trusted: Whether addresses beyond this machine are allowed.

    Raises:
        UsageError: They do not; or an address is beyond this machine, or none.
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
    addresses = tuple(each for name in jobs for each in spec.job_tasks(name))
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
    # TensorFlow's resolvers ask nvidia-smi for GPUs, and fail where there is none.
    return tf.distribute.cluster_resolver.SimpleClusterResolver(
        spec,
        task_type=job,
        task_id=task,
        num_accelerators={"GPU": gpus},
        rpc_layer="grpc",
    )


Found = tuple["tf.train.ClusterSpec", str | None, int | None]


def _env() -> Found:
    text = os.environ.get("TF_CONFIG", "")
    try:
        task = json.loads(text)["task"]
        spec = tf.train.ClusterSpec(json.loads(text)["cluster"])
        name, index = task["type"], int(task["index"])
        spec.task_address(name, index)
    except (ValueError, KeyError, TypeError) as problem:
        raise UsageError(
            f"TF_CONFIG must be set to something like '{_EXAMPLE}', with an index of "
            f"its own for each process, not {text!r} ({problem})"
        ) from None
    return spec, name, index


def _slurm() -> Found:
    try:
        tasks = int(os.environ["SLURM_STEP_NUM_TASKS"])
        resolver = tf.distribute.cluster_resolver.SlurmClusterResolver(
            # Slurm hands out GPUs itself; as many as tasks gives each task an address.
            gpus_per_node=tasks,
            gpus_per_task=1,
            auto_set_gpu=False,
        )
        spec = resolver.cluster_spec()
    except (KeyError, RuntimeError, ValueError) as problem:
        raise UsageError(
            f"--cluster=slurm must be started by srun, one task a machine or a GPU: "
            f"{problem}"
        ) from None
    return spec, *resolver.get_task_info()


def _kubernetes(wait_for: float) -> Found:
    missing = [name for name in _KUBERNETES if name not in os.environ]
    if missing:
        raise UsageError(
            f"--cluster=kubernetes needs the environment variables JOB_NAME (of the "
            f"job), HOST_IP (status.hostIP of the pod) and WORKERS (how many pods); "
            f"there is no {missing[0]}"
        )
    try:
        from kubernetes import client, config
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
    spec = _pods(resolver, job, int(count), wait_for)
    hosts = [network.split_address(address)[0] for address in spec.job_tasks("worker")]
    if len(hosts) != int(count) or hosts.count(host) != 1:
        raise UsageError(
            f"there must be {count} pods of {job}, each on a machine of its own, this "
            f"one on {host}; there are some on {', '.join(hosts)}"
        )
    return spec, "worker", hosts.index(host)


def _pods(
    resolver: tf.distribute.cluster_resolver.ClusterResolver,
    job: str,
    count: int,
    wait_for: float,
) -> tf.train.ClusterSpec:
    """Returns the addresses of a job's pods, once all of them run."""
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
