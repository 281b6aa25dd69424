"""Tests of benchmarks/speed/kernels.py: no step has more kernels than it needs."""

import numpy as np
import pytest
import tensorflow as tf

from benchmarks.speed import kernels
from framework.augment.normalize import Normalizer

_PLAIN = 0


@pytest.mark.parametrize(
    "case",
    [
        "plain",
        "residual",
        pytest.param("augmented", marks=pytest.mark.extended),
        pytest.param("bfloat16", marks=pytest.mark.extended),
    ],
)
def test_kernels_of_a_training_step(case):
    counts = kernels.train_step(kernels.CASES[case])
    assert kernels.differences(counts, list(kernels.CASES).index(case)) == []


def test_kernels_of_an_evaluation_step():
    counts = kernels.evaluation_step(kernels.CASES["plain"])
    assert kernels.differences(counts, len(kernels.CASES)) == []


def test_functions_are_compiled_once():
    built = kernels.build(kernels.CASES["plain"])
    evaluator = built.evaluator(built.examples.validation_batches)

    def epoch(step):
        built.loop(step, 2)
        built.loop(step + 2, 1)
        built.loop.measured_step(step + 3)
        built.loop.take_window()
        evaluator(np.arange(20))

    assert kernels.count(lambda: epoch(0))
    assert kernels.count(lambda: epoch(5)) == {}
    # Another batch size is another program.
    assert kernels.count(lambda: evaluator(np.arange(15)))


@pytest.mark.parametrize(
    ("plant", "line"),
    [
        pytest.param(
            lambda x: tf.transpose(x, [0, 2, 1, 3]),
            "moves: 4 instead of 3 ",
            id="transposition",
        ),
        pytest.param(
            lambda x: tf.cast(tf.cast(x, tf.float64), tf.float32),
            "casts: 11 instead of 9 ",
            id="cast",
            marks=pytest.mark.extended,
        ),
        pytest.param(
            lambda x: tf.raw_ops.DeepCopy(x=x),
            "DeepCopy: 1 instead of 0 ",
            id="copy",
            marks=pytest.mark.extended,
        ),
        pytest.param(
            lambda x: tf.numpy_function(np.abs, [x], tf.float32),
            "PyFunc: 1 instead of 0 ",
            id="transfer to Python",
            marks=pytest.mark.extended,
        ),
    ],
)
def test_a_slower_step_is_seen(plant, line, monkeypatch):
    normalized = Normalizer.__call__

    def slower(self, images):
        planted = plant(normalized(self, images))
        return tf.ensure_shape(planted, images.shape)

    monkeypatch.setattr(Normalizer, "__call__", slower)
    lines = kernels.differences(kernels.train_step(kernels.CASES["plain"]), _PLAIN)
    assert [each for each in lines if each.startswith(line)], lines


def test_a_step_with_fewer_kernels_is_reported():
    counts = kernels.KINDS["MatMul"].expected[_PLAIN]
    lines = kernels.differences({"MatMul": counts - 1}, _PLAIN)
    assert any(line.startswith("MatMul: 7 instead of 8") for line in lines)


def test_data_in_a_graph_are_refused():
    data = np.arange(2000, dtype=np.float32)

    @tf.function(autograph=False)
    def look_up(index):
        return tf.gather(data, index)

    with pytest.raises(AssertionError, match="has 8,000 bytes"):
        kernels.count(lambda: look_up(tf.constant(3)))
