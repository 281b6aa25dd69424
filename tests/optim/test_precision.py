"""Tests of framework/optim/precision.py."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from framework.optim import precision
from framework.optim.precision import LossScale, policy


def network(layer):
    return keras.Sequential([keras.Input((8, 8, 3)), layer])


def inside(size):
    return network(keras.layers.DepthwiseConv2D(size))


@pytest.mark.parametrize(
    ("text", "used", "instruction"),
    [
        ("flags\t\t: fpu avx512_bf16 amx_bf16 avx", "float32", "amx_bf16"),
        ("flags\t\t: fpu avx512_bf16 avx", "float32", "avx512_bf16"),
        ("flags\t\t: fpu avx512_bf16 avx", "bfloat16", ""),
        ("flags\t\t: fpu avx2", "float32", ""),
    ],
)
def test_suggests_bfloat16_if_the_processor_has_it(tmp_path, text, used, instruction):
    path = tmp_path / "cpuinfo"
    path.write_text(text)
    actual = precision.notice(used, network(keras.layers.Conv2D(2, 3)), str(path))
    assert ("--precision=bfloat16" in actual) == bool(instruction)
    assert instruction in actual


def test_suggests_nothing_for_an_unknown_processor(tmp_path):
    model = network(keras.layers.Conv2D(2, 3))
    assert precision.notice("float32", model, str(tmp_path / "none")) == ""


@pytest.mark.parametrize("layer", [keras.layers.DepthwiseConv2D, inside])
def test_suggests_no_bfloat16_for_depthwise_convolutions(tmp_path, layer):
    path = tmp_path / "cpuinfo"
    path.write_text("flags: amx_bf16")
    assert precision.notice("float32", network(layer(3)), str(path)) == ""


def series(loss_scale, finite):
    """Returns the factor after each step."""
    result = []
    for value in finite:
        loss_scale.update(tf.constant(value))
        result.append(float(loss_scale.scale.numpy()))
    return result


@pytest.mark.parametrize(
    ("finite", "expected"),
    [
        ([True] * 2, [8.0] * 2),
        # Three good steps in a row double it.
        ([True] * 7, [8.0, 8.0, 16.0, 16.0, 16.0, 32.0, 32.0]),
        ([False], [4.0]),
        # A bad one resets the count.
        ([True, True, False, True, True, True], [8.0, 8.0, 4.0, 4.0, 4.0, 8.0]),
        # It is never below 1.
        ([False] * 5, [4.0, 2.0, 1.0, 1.0, 1.0]),
    ],
)
def test_the_factor_follows_the_gradients(monkeypatch, finite, expected):
    monkeypatch.setattr(precision, "_INITIAL_SCALE", 8.0)
    monkeypatch.setattr(precision, "_GROWTH_STEPS", 3)
    assert series(LossScale(), finite) == expected


def test_the_count_is_restored(monkeypatch):
    monkeypatch.setattr(precision, "_GROWTH_STEPS", 3)
    first, second = LossScale(), LossScale()
    start = series(first, [False, True, True])[-1]
    for name, variable in first.variables.items():
        second.variables[name].assign(variable)
    assert series(second, [True]) == [2 * start]


def test_unscale_divides_by_the_factor():
    loss_scale = LossScale()
    gradients = [tf.constant([3.0, -2.0]) * loss_scale.scale, loss_scale.scale * 1.0]
    actual = loss_scale.unscale(gradients)
    np.testing.assert_array_equal(actual[0], [3.0, -2.0])
    assert actual[1] == 1.0


def test_replicas_agree_on_the_factor(mirrored):
    with mirrored.scope():
        loss_scale = LossScale()

    @tf.function(autograph=False)
    def update():
        mirrored.run(lambda: loss_scale.update(tf.constant(False)))

    before = float(loss_scale.scale.numpy())
    update()
    scales = mirrored.experimental_local_results(loss_scale.scale)
    assert [float(value.numpy()) for value in scales] == [before / 2] * 2


@pytest.mark.parametrize("name", ["float32", "bfloat16", "float16"])
def test_layers_compute_in_the_precision(name):
    before = keras.config.dtype_policy().name
    with policy(name):
        layer = keras.layers.Dense(2)
    assert keras.config.dtype_policy().name == before
    assert layer(tf.ones([1, 3])).dtype == name
    assert layer.kernel.dtype == "float32"


def test_the_policy_is_restored_after_an_error():
    before = keras.config.dtype_policy().name
    with pytest.raises(KeyError), policy("bfloat16"):
        raise KeyError
    assert keras.config.dtype_policy().name == before
