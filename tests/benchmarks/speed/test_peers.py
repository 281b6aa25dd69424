"""Tests of benchmarks/peers: that all train the same network."""

import numpy as np
import pytest

from benchmarks.speed.peers import keras_fit, whyflat
from benchmarks.speed.workloads import WORKLOADS
from framework import models
from framework.launch import components


@pytest.mark.parametrize("name", sorted(WORKLOADS))
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_framework_can_do_each_workload(name, precision, tmp_path):
    config = whyflat.config(WORKLOADS[name], 6, precision, str(tmp_path), {})
    components.check(config, ["dataset"])
    assert config.precision == precision
    assert bool(config.augment) == WORKLOADS[name].augment


@pytest.mark.parametrize("name", ["W1", "W2", "W3", "W4"])
def test_the_network_is_that_of_keras(name, tmp_path):
    workload = WORKLOADS[name]
    config = whyflat.config(workload, 6, "float32", str(tmp_path), {})
    ours = models.build(config.model)(workload.shape, workload.classes)
    theirs = keras_fit.net(workload)
    assert ours.count_params() == theirs.count_params()


def test_settings_can_be_changed(tmp_path):
    config = whyflat.config(
        WORKLOADS["W1"], 6, "float32", str(tmp_path), {"log_every": "10ep"}
    )
    assert config.log_every == "10ep"


def test_torch_has_as_many_parameters():
    pytest.importorskip("torch")
    from benchmarks.speed.peers import torch_loop

    for name in ("W1", "W2", "W3", "W4"):
        net = torch_loop.net(WORKLOADS[name])
        trainable = sum(p.numel() for p in net.parameters())
        weights = keras_fit.net(WORKLOADS[name]).trainable_variables
        assert trainable == sum(int(np.prod(each.shape)) for each in weights)
