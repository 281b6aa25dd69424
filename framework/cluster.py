"""Who else takes part in a run on several machines, and who this process is."""

from __future__ import annotations

import json
import os

import tensorflow as tf

from framework.errors import RunError, UsageError

_EXAMPLE = (
    '{"cluster": {"worker": ["host1:12345", "host2:12345"]}, '
    '"task": {"type": "worker", "index": 0}}'
)
_KUBERNETES = ("JOB_NAME", "HOST_IP", "WORKERS")


def resolve(kind: str) -> tf.distribute.cluster_resolver.ClusterResolver:
    """Returns the cluster that this process is part of.

    Args:
        kind: Who knows: "env" (the variable TF_CONFIG), "slurm", or "kubernetes".

    Raises:
        UsageError: They do not.
        RunError: Not all of a Kubernetes job are running yet.
    """
    spec, name, index = {"env": _env, "slurm": _slurm, "kubernetes": _kubernetes}[
        kind
    ]()
    if name not in ("chief", "worker") or index is None:
        raise UsageError(f"this process must be a worker of the cluster, not {name!r}")
    gpus = len(tf.config.list_physical_devices("GPU"))
    # TensorFlow's resolvers ask nvidia-smi for GPUs, and fail where there is none.
    return tf.distribute.cluster_resolver.SimpleClusterResolver(
        spec,
        task_type=name,
        task_id=index,
        num_accelerators={"GPU": gpus},
        rpc_layer="grpc",
    )


def place(
    resolver: tf.distribute.cluster_resolver.ClusterResolver,
) -> tuple[int, int]:
    """Returns the index of this process, from 0, and how many there are.

    The process with index 0 is the chief.
    """
    spec = resolver.cluster_spec()
    chiefs = spec.num_tasks("chief") if "chief" in spec.jobs else 0
    workers = spec.num_tasks("worker") if "worker" in spec.jobs else 0
    before = chiefs if resolver.task_type == "worker" else 0
    return before + resolver.task_id, chiefs + workers


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


def _kubernetes() -> Found:
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
    config.load_incluster_config()
    resolver = tf.distribute.cluster_resolver.KubernetesClusterResolver(
        {"worker": [f"job-name={job}"]}, override_client=client.CoreV1Api()
    )
    try:
        spec = resolver.cluster_spec()
    except RuntimeError as problem:
        raise RunError(f"not all pods of {job} are running yet: {problem}") from None
    hosts = [address.rsplit(":", 1)[0] for address in spec.job_tasks("worker")]
    if len(hosts) != int(count) or hosts.count(host) != 1:
        raise RunError(
            f"there must be {count} pods of {job}, each on a machine of its own, this "
            f"one on {host}; there are some on {', '.join(hosts) or 'none'}"
        )
    return spec, "worker", hosts.index(host)
