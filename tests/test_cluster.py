"""Tests of framework/cluster.py."""

import json

import pytest

from framework import cluster
from framework.errors import UsageError

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
    assert cluster.place(cluster.resolve("env")) == place


@pytest.mark.parametrize(
    "text", ["", "no json", "{}", '{"cluster": {}, "task": {"type": "worker"}}']
)
def test_a_bad_variable_is_told_with_a_good_one(text, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(UsageError, match="TF_CONFIG must be set to something like"):
        cluster.resolve("env")


def test_a_process_that_is_not_in_the_cluster(monkeypatch):
    configure(monkeypatch, CLUSTER, "worker", 2)
    with pytest.raises(UsageError, match="TF_CONFIG must be set"):
        cluster.resolve("env")


def test_a_parameter_server_does_not_train(monkeypatch):
    configure(monkeypatch, {"ps": ["d:4"], **CLUSTER}, "ps", 0)
    with pytest.raises(UsageError, match="must be a worker of the cluster, not 'ps'"):
        cluster.resolve("env")


def test_slurm_needs_srun(monkeypatch):
    monkeypatch.delenv("SLURM_STEP_NUM_TASKS", raising=False)
    with pytest.raises(UsageError, match="must be started by srun"):
        cluster.resolve("slurm")


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
    assert cluster.place(cluster.resolve("slurm")) == (1, 2)


def test_kubernetes_needs_to_be_told_of_the_job(monkeypatch):
    monkeypatch.delenv("JOB_NAME", raising=False)
    with pytest.raises(UsageError, match="there is no JOB_NAME"):
        cluster.resolve("kubernetes")
