"""Tests of framework/distributed/strategy.py."""

import json
import os

import numpy as np
import pytest
import tensorflow as tf

from framework.distributed.strategy import build_strategy
from framework.errors import UsageError
from framework.system import network


def test_default_is_no_strategy_at_all():
    strategy = build_strategy("default")
    assert strategy is tf.distribute.get_strategy()
    assert strategy.num_replicas_in_sync == 1


@pytest.mark.parametrize("kind", ["default", "one_device", "tpu"])
def test_a_number_of_devices_is_not_ignored(kind):
    with pytest.raises(UsageError, match="--devices=2 needs --strategy=mirrored"):
        build_strategy(kind, devices=2)


def test_the_search_for_devices_is_quiet(monkeypatch, capfd):
    """It is still to come where a program imports keras before this package."""
    search, searches = tf.config.list_physical_devices, []

    def noisy(*arguments):
        searches.append(arguments)
        os.write(2, b"failed call to cuInit")
        return search(*arguments)

    monkeypatch.setattr(tf.config, "list_physical_devices", noisy)
    build_strategy("default")
    assert searches
    assert capfd.readouterr().err == ""


def test_one_device():
    strategy = build_strategy("one_device")
    assert isinstance(strategy, tf.distribute.OneDeviceStrategy)
    assert strategy.num_replicas_in_sync == 1


@pytest.mark.parametrize(("devices", "expected"), [(0, 2), (1, 1), (2, 2)])
def test_mirrored_uses_so_many_devices(devices, expected):
    if tf.config.list_physical_devices("GPU"):
        pytest.skip("counts the logical CPUs")
    strategy = build_strategy("mirrored", devices)
    assert isinstance(strategy, tf.distribute.MirroredStrategy)
    assert strategy.num_replicas_in_sync == expected


def test_refuses_more_devices_than_there_are():
    there = len(tf.config.list_logical_devices("GPU")) or 2
    with pytest.raises(
        UsageError, match=f"devices must be at most {there} on this machine, not 99"
    ):
        build_strategy("mirrored", 99)


def test_sums_over_replicas(mirrored):
    def share():
        context = tf.distribute.get_replica_context()
        mine = tf.cast(context.replica_id_in_sync_group + 1, tf.float32)
        return context.all_reduce(
            tf.distribute.ReduceOp.SUM, [mine, tf.fill([2], mine)]
        )

    compiled = tf.function(lambda: mirrored.run(share), autograph=False)
    one, two = (mirrored.experimental_local_results(value) for value in compiled())
    count = mirrored.num_replicas_in_sync
    np.testing.assert_array_equal(one, [sum(range(1, count + 1))] * count)
    np.testing.assert_array_equal(two, [[sum(range(1, count + 1))] * 2] * count)


def test_divides_the_cpu_into_as_many_as_are_asked_for(command, tmp_path):
    if tf.config.list_physical_devices("GPU"):
        pytest.skip("takes GPUs where there are any")
    # It can be done only once per process.
    (tmp_path / "three.py").write_text(
        "from framework.distributed import strategy\n"
        "print(strategy.build_strategy('mirrored', 3).num_replicas_in_sync)\n"
    )
    actual = command("three", folder=tmp_path)
    assert actual.stdout.split() == ["3"]


def test_without_a_tpu_there_is_one_clear_line():
    with pytest.raises(UsageError, match="install tensorflow-tpu on a TPU VM"):
        build_strategy("tpu")


def test_a_machine_has_no_more_devices_than_it_has(monkeypatch):
    task = {"type": "worker", "index": 0}
    workers = {"worker": [f"localhost:{network.free_port()}"]}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": workers, "task": task}))
    with pytest.raises(UsageError, match="at most 1 on this machine, not 5"):
        build_strategy("multi_worker", 5)
