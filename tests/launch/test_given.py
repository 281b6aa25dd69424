"""Tests of framework/launch/given.py."""

import dataclasses

import keras
import numpy as np
import pytest

from framework.config import Config
from framework.data.arrays import digits
from framework.errors import UsageError
from framework.launch import given
from framework.launch.given import NOTHING, Given


def builder(shape, classes):
    return keras.Sequential(
        [keras.Input(shape), keras.layers.Flatten(), keras.layers.Dense(classes)]
    )


def test_a_config_names_what_was_given():
    model, dataset = builder((8, 8, 1), 10), digits()
    described = Given(builder, dataset).described(Config(), model, dataset)
    assert described.model == "given(parameters=650)"
    sizes = f"train={len(dataset.train)}, validation={len(dataset.validation)}"
    assert described.dataset == f"given({dataset.name!r}, {sizes})"
    assert given.fields(described) == ["model", "dataset"]
    assert given.fields(Config()) == []
    assert NOTHING.described(Config(), model, dataset) == Config()


def test_only_a_function_builds_a_model_anew():
    assert Given(builder).builder is builder
    assert NOTHING.builder is None
    assert Given(builder).names == ["model"]
    with pytest.raises(UsageError, match="pass run\\(\\) a function"):
        _ = Given(builder((8, 8, 1), 10)).builder


def test_the_call_can_be_executed():
    config = Config(model="given(parameters=650)", dataset="given('mine', train=1)")
    changed = dataclasses.replace(config, augment="rotate(9)", workdir="runs/a 'b")
    calls = []
    values = {
        "dataclasses": dataclasses,
        "config": config,
        "model": builder,
        "dataset": np,
        "run": lambda *arguments, **given: calls.append((arguments, given)),
    }
    lines = given.call(config, changed, ["augment", "workdir"])
    exec("\n".join(lines), values)
    assert calls == [((changed,), {"model": builder, "dataset": np})]
