"""Tests of tpu_check.py and tpu_chip.py in framework/commands."""

import dataclasses
import importlib.util
import sys

import keras
import pytest

from benchmarks.speed import cases
from framework.commands import tpu_check
from framework.errors import RunError, UsageError
from framework.launch import components

COMPILER = importlib.util.find_spec("libtpu")


def made(**changes):
    case = cases.CASES["everything"]
    config = dataclasses.replace(case.config, **changes)
    return components.build(config, None, cases.dataset(case), lambda *_: None)


def as_text(name, run, chips=1):
    return str(tpu_check.lower(name, *tpu_check.steps(run, chips)[name], "stablehlo"))


@pytest.mark.extended
@pytest.mark.parametrize(
    ("augment", "precision"),
    [
        ("rotate(20) + mixup(.4)", "float32"),
        ("trivialaugment + erase", "bfloat16"),
        ("brightness(.2) + cutmix", "float16"),
    ],
)
def test_whole_steps_become_one_program(augment, precision):
    run = made(augment=augment, precision=precision)
    assert "all_reduce" not in as_text("training step", run)
    assert "main" in as_text("evaluation step", run)


@pytest.mark.extended
def test_chips_sum_gradients_and_statistics_of_batch_norm():
    text = as_text("training step", made(), chips=4)
    assert "replica_groups = dense<[[0, 1, 2, 3]]>" in text
    # Each chip has its own quarter.
    assert f"tensor<{cases.BATCH // 4 // 2}x8x8x3xf32>" in text


def rotating(shape, classes):
    inputs = keras.Input(shape)
    features = keras.layers.RandomRotation(0.1)(inputs)
    features = keras.layers.Flatten()(features)
    return keras.Model(inputs, keras.layers.Dense(classes)(features))


def test_what_a_tpu_lacks_is_named():
    config = dataclasses.replace(cases.BASE, model="cnn")
    data = cases.dataset(cases.CASES["nothing special"])
    run = components.build(config, rotating, data, lambda *_: None)
    with pytest.raises(RunError, match="do not support: ImageProjectiveTransformV3"):
        as_text("training step", run)


def test_a_batch_that_cannot_be_divided():
    with pytest.raises(UsageError, match="a multiple of 24 on 12 chips, not 16"):
        tpu_check.steps(made(), 12)


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--topology=v5e", "--topology must be like v5e:2x2, not 'v5e'"),
        ("--compiler=none/python", "none/python: No such file or directory"),
        pytest.param(
            "--compiler=" + sys.executable,
            "has no jax and libtpu",
            marks=pytest.mark.skipif(bool(COMPILER), reason="libtpu is installed"),
        ),
    ],
)
def test_what_is_missing_is_one_line(command, flag, message):
    done = command("experiments.tpu_check", flag)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
