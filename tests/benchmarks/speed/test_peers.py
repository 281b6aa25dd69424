"""Tests of benchmarks/peers: that all train the same network."""

import dataclasses

import numpy as np
import pytest

from benchmarks.speed.peers import keras_fit, whyflat
from benchmarks.speed.workloads import WORKLOADS
from framework import models
from framework.launch import checks, components
from framework.launch.run import run
from framework.report.timing import Timing


@pytest.mark.parametrize("name", sorted(WORKLOADS))
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_framework_can_do_each_workload(name, precision, tmp_path):
    config = whyflat.config(WORKLOADS[name], 6, precision, str(tmp_path), {})
    checks.check(config, ["dataset"])
    assert config.precision == precision
    is_augmented = WORKLOADS[name].augment or bool(WORKLOADS[name].photographs)
    assert bool(config.augment) == is_augmented


@pytest.mark.parametrize("name", ["W1", "W2", "W3", "W4", "W6"])
def test_the_network_is_that_of_keras(name, tmp_path):
    workload = WORKLOADS[name]
    config = whyflat.config(workload, 6, "float32", str(tmp_path), {})
    own_net = models.build(config.model)(workload.shape, workload.classes)
    keras_net = keras_fit.net(workload)
    # Ours counts the updates of each batch norm.
    counters = sum(variable.name == "updates" for variable in own_net.variables)
    assert own_net.count_params() - counters == keras_net.count_params()


def test_settings_can_be_changed(tmp_path):
    config = whyflat.config(
        WORKLOADS["W1"], 6, "float32", str(tmp_path), {"log_every": "10ep"}
    )
    assert config.log_every == "10ep"


class FakeMeter:
    """Records the moments that it is told of."""

    def __init__(self):
        self.moments = []

    def stepped(self):
        self.moments.append("stepped")

    def trained(self):
        self.moments.append("trained")

    def evaluated(self):
        self.moments.append("evaluated")


def test_the_meter_is_told_of_each_evaluation(tmp_path, monkeypatch):
    # `_time` replaces both; this restores them after the test.
    monkeypatch.setattr(
        components.Components, "evaluations", components.Components.evaluations
    )
    monkeypatch.setattr(Timing, "advanced", Timing.advanced)
    workload = dataclasses.replace(WORKLOADS["W4"], train=64, validation=20)
    config = whyflat.config(workload, 2, "float32", str(tmp_path), {})
    meter = FakeMeter()
    whyflat._time(meter, is_short=False)
    run(config, dataset=whyflat.dataset(workload, str(tmp_path)), quiet=True)
    assert meter.moments[0] == "stepped"
    assert [each for each in meter.moments if each != "stepped"] == [
        "trained",
        "evaluated",
    ] * 2


def test_torch_has_as_many_parameters():
    pytest.importorskip("torch")
    from benchmarks.speed.peers import torch_nets

    for name in ("W1", "W2", "W3", "W4", "W5M", "W5E", "W6"):
        net = torch_nets.net(WORKLOADS[name])
        trainable = sum(p.numel() for p in net.parameters())
        weights = keras_fit.net(WORKLOADS[name]).trainable_variables
        assert trainable == sum(int(np.prod(each.shape)) for each in weights)
