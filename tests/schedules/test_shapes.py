"""Tests of framework/schedules/shapes.py."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from framework.schedules import shapes


def curve(shape, length, steps, **parameters):
    """Returns a shape's values at so many steps from 0 on."""
    return np.array(
        [
            shape(
                tf.constant(float(t)), tf.constant(float(length)), **parameters
            ).numpy()
            for t in range(steps)
        ]
    )


ALL = [
    (shapes.constant, {}),
    (shapes.constant, {"factor": 0.3}),
    (shapes.warmup, {}),
    (shapes.warmup, {"start": 0.2, "power": 2.0}),
    (shapes.linear, {"end": 0.1}),
    (shapes.cosine, {"end": 0.1}),
    (shapes.cosine, {"end": 0.1, "exponent": 2.0}),
    (shapes.step, {"every": 3, "gamma": 0.5}),
]


@pytest.mark.parametrize(("shape", "parameters"), ALL)
def test_graph_and_xla_agree_with_eager(shape, parameters):
    def called(t):
        return shape(t, tf.constant(10.0), **parameters)

    eager = curve(shape, 10, 13, **parameters)
    assert eager.dtype == np.float32
    assert eager.shape == (13,)
    for compiled in (tf.function(called), tf.function(called, jit_compile=True)):
        found = [compiled(tf.constant(float(t))).numpy() for t in range(13)]
        np.testing.assert_allclose(found, eager, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    ("shape", "parameters", "first", "last"),
    [
        (shapes.constant, {"factor": 0.3}, 0.3, 0.3),
        (shapes.warmup, {}, 0.0, 1.0),
        (shapes.warmup, {"start": 0.25}, 0.25, 1.0),
        (shapes.linear, {}, 1.0, 0.0),
        (shapes.linear, {"end": 0.25}, 1.0, 0.25),
        (shapes.cosine, {}, 1.0, 0.0),
        (shapes.cosine, {"end": 0.25, "exponent": 3.0}, 1.0, 0.25),
    ],
)
def test_ends_where_it_should_and_stays_there(shape, parameters, first, last):
    values = curve(shape, 8, 20, **parameters)
    assert values[0] == pytest.approx(first, abs=1e-7)
    np.testing.assert_allclose(values[8:], last, atol=1e-6)


@pytest.mark.parametrize(
    "shape", [shapes.constant, shapes.warmup, shapes.linear, shapes.cosine]
)
def test_a_part_of_no_length_is_finite(shape):
    assert np.isfinite(curve(shape, 0, 3)).all()


@pytest.mark.parametrize("end", [0.0, 0.1])
def test_cosine_is_that_of_keras(end):
    oracle = keras.optimizers.schedules.CosineDecay(1.0, 17, alpha=end)
    expected = [float(oracle(t)) for t in range(25)]
    np.testing.assert_allclose(
        curve(shapes.cosine, 17, 25, end=end), expected, rtol=1e-6, atol=1e-7
    )


@pytest.mark.parametrize("end", [0.0, 0.1])
def test_linear_is_that_of_keras(end):
    oracle = keras.optimizers.schedules.PolynomialDecay(1.0, 17, end)
    expected = [float(oracle(t)) for t in range(25)]
    np.testing.assert_allclose(
        curve(shapes.linear, 17, 25, end=end), expected, rtol=1e-6, atol=1e-7
    )


@pytest.mark.parametrize(("every", "gamma"), [(1, 0.5), (3, 0.1), (7, 0.9)])
def test_step_is_the_staircase_of_keras(every, gamma):
    oracle = keras.optimizers.schedules.ExponentialDecay(1.0, every, gamma, True)
    expected = [float(oracle(t)) for t in range(50)]
    found = curve(shapes.step, 50, 50, every=every, gamma=gamma)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@given(st.integers(1, 800_000), st.integers(1, 20))
def test_step_changes_exactly_when_it_should(every, number):
    for t, cuts in ((every * number - 1, number - 1), (every * number, number)):
        value = shapes.step(tf.constant(float(t)), tf.constant(1.0), every, 0.5)
        assert float(value) == 0.5**cuts


@given(
    st.sampled_from([shapes.warmup, shapes.linear, shapes.cosine]),
    st.integers(1, 1000),
    st.lists(st.integers(0, 2000), min_size=2, max_size=5).map(sorted),
)
def test_rises_or_falls_all_the_way(shape, length, times):
    sign = 1.0 if shape is shapes.warmup else -1.0
    values = [
        float(shape(tf.constant(float(t)), tf.constant(float(length)))) for t in times
    ]
    assert all(0.0 <= value <= 1.0 for value in values)
    assert all(sign * change >= -1e-6 for change in np.diff(values))
