"""Tests of framework/distributed/cluster.py."""

import json

import pytest
import tensorflow as tf

from framework.distributed import cluster
from framework.errors import UsageError, WorkerLostError
from framework.system import network, waiting

CLUSTER = {"worker": ["a:1", "b:2"]}


def configure(monkeypatch, machines, name, index):
    task = {"type": name, "index": index}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": machines, "task": task}))


@pytest.mark.parametrize(
    ("machines", "name", "index", "place"),
    [
        (CLUSTER, "worker", 0, (0, 2)),
        (CLUSTER, "worker", 1, (1, 2)),
        ({"chief": ["c:3"], **CLUSTER}, "chief", 0, (0, 3)),
        ({"chief": ["c:3"], **CLUSTER}, "worker", 1, (2, 3)),
    ],
)
def test_each_process_has_a_place(machines, name, index, place, monkeypatch):
    configure(monkeypatch, machines, name, index)
    actual = cluster.resolve("env", 1.0, trusted=True)
    assert (actual.index, len(actual.addresses)) == place


@pytest.mark.parametrize(
    "text", ["", "no json", "{}", '{"cluster": {}, "task": {"type": "worker"}}']
)
def test_a_bad_variable_is_told_with_a_good_one(text, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(UsageError, match="TF_CONFIG must be set to something like"):
        cluster.resolve("env", 1.0)


def test_a_process_that_is_not_in_the_cluster(monkeypatch):
    configure(monkeypatch, CLUSTER, "worker", 2)
    with pytest.raises(UsageError, match="TF_CONFIG must be set"):
        cluster.resolve("env", 1.0)


def test_a_parameter_server_does_not_train(monkeypatch):
    configure(monkeypatch, {"ps": ["d:4"], **CLUSTER}, "ps", 0)
    with pytest.raises(UsageError, match="must be a worker of the cluster, not 'ps'"):
        cluster.resolve("env", 1.0)


def test_slurm_needs_srun(monkeypatch):
    monkeypatch.delenv("SLURM_STEP_NUM_TASKS", raising=False)
    with pytest.raises(UsageError, match="must be started by srun"):
        cluster.resolve("slurm", 1.0)


def test_slurm_tells_who_is_who(monkeypatch):
    for name, value in {
        "SLURM_STEP_NUM_TASKS": "2",
        "SLURM_STEP_NODELIST": "n[1-2]",
        "SLURM_STEP_TASKS_PER_NODE": "1(x2)",
        "SLURM_NTASKS": "2",
        "SLURM_PROCID": "1",
        "SLURM_LOCALID": "0",
    }.items():
        monkeypatch.setenv(name, value)
    actual = cluster.resolve("slurm", 1.0, trusted=True)
    assert (actual.index, len(actual.addresses)) == (1, 2)
    with pytest.raises(UsageError, match=r"Slurm names 'n1'.*--i_trust_this_network"):
        cluster.resolve("slurm", 1.0)


def test_kubernetes_needs_to_be_told_of_the_job(monkeypatch):
    monkeypatch.delenv("JOB_NAME", raising=False)
    with pytest.raises(UsageError, match="there is no JOB_NAME"):
        cluster.resolve("kubernetes", 1.0)


@pytest.mark.parametrize(
    ("workers", "expected"),
    [
        (["localhost:1", "[::1]:2", "127.0.0.2:3"], ""),
        (["localhost:1", "host2:2"], "TF_CONFIG names 'host2'"),
        (["localhost:1", "10.0.0.2:2"], "TF_CONFIG names '10.0.0.2'"),
        (["0.0.0.0:1", "localhost:2"], "TF_CONFIG names '0.0.0.0'"),
        (["localhost:1", "localhost:1"], "an address of its own"),
        ({"0": "localhost:1", "2": "localhost:1"}, "an address of its own"),
        (["localhost:1", "localhost"], "must be HOST:PORT"),
    ],
)
def test_workers_beyond_this_machine_need_trust(workers, expected, monkeypatch):
    configure(monkeypatch, {"worker": workers}, "worker", 0)
    if not expected:
        assert len(cluster.resolve("env", 1.0).addresses) == len(workers)
        return
    with pytest.raises(UsageError, match=expected):
        cluster.resolve("env", 1.0)


def test_a_wait_names_who_is_missing(monkeypatch):
    addresses = ("localhost:1", "localhost:2", "localhost:3")
    actual = cluster.Cluster(addresses, 1, 1.0, None)
    assert actual.port == 2
    monkeypatch.setattr(network, "unreachable", lambda some: some)
    expected = "the chief localhost:1 and worker localhost:3, where no process listens"
    assert actual.others() == expected
    monkeypatch.setattr(network, "unreachable", lambda some: some[1:])
    assert actual.others() == "worker localhost:3, where no process listens"
    monkeypatch.setattr(network, "unreachable", lambda some: [])
    assert "running but not at the same point" in actual.others()


class Resolver:
    """A job whose pods start one after another."""

    def __init__(self, pods):
        self.pods, self.calls = pods, 0

    def cluster_spec(self):
        self.calls += 1
        if self.calls == 1:
            raise RuntimeError('Pod "a" is not running; phase: "Pending"')
        return tf.train.ClusterSpec({"worker": self.pods[: self.calls]})


def test_pods_are_waited_for(monkeypatch):
    monkeypatch.setattr(waiting, "_POLL", 0.0)
    pods = ["h1:8470", "h2:8470", "h3:8470"]
    spec = cluster.wait_for_pods(Resolver(pods), "train", 3, 60.0)
    assert spec.job_tasks("worker") == pods
    with pytest.raises(WorkerLostError, match=r"pods of train \(3 of 4\)"):
        cluster.wait_for_pods(Resolver(pods), "train", 4, 0.01)
