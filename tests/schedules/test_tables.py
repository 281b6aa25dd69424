"""Tests of framework/schedules/tables.py."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from framework.errors import UsageError
from framework.schedules import tables


def curve(shape, steps, /, **parameters):
    """Returns a schedule's values at the first `steps` steps."""
    compiled = tf.function(
        lambda t: shape(t, tf.constant(10.0), **parameters), jit_compile=True
    )
    values = [compiled(tf.constant(float(t))).numpy() for t in range(steps)]
    eager = [
        shape(tf.constant(float(t)), tf.constant(10.0), **parameters).numpy()
        for t in range(steps)
    ]
    np.testing.assert_allclose(values, eager, rtol=1e-6)
    return np.array(eager)


@pytest.mark.parametrize(("every", "gamma"), [(1, 0.5), (3, 0.1), (7, 0.9)])
def test_step_matches_keras_staircase(every, gamma):
    oracle = keras.optimizers.schedules.ExponentialDecay(1.0, every, gamma, True)
    expected = [float(oracle(t)) for t in range(50)]
    values = curve(tables.step, 50, every=every, gamma=gamma)
    np.testing.assert_allclose(values, expected, rtol=1e-5)


@given(st.integers(1, 800_000), st.integers(1, 20))
def test_step_changes_at_exact_multiples(every, number):
    for t, cuts in ((every * number - 1, number - 1), (every * number, number)):
        value = tables.step(tf.constant(float(t)), tf.constant(1.0), every, 0.5)
        assert float(value) == 0.5**cuts


@pytest.mark.parametrize("right", [False, True])
def test_piecewise_keeps_or_changes_at_a_boundary(right):
    values = curve(
        tables.piecewise, 8, boundaries=(3, 6), values=(1.0, 0.5, 0.1), right=right
    )
    first = 4 if right else 3
    expected = [1.0] * first + [0.5] * 3 + [0.1] * (5 - first)
    np.testing.assert_allclose(values, expected)


def test_piecewise_matches_keras():
    oracle = keras.optimizers.schedules.PiecewiseConstantDecay([3, 7], [1.0, 0.2, 0.5])
    expected = [float(oracle(tf.constant(t))) for t in range(12)]
    values = curve(
        tables.piecewise, 12, boundaries=(3, 7), values=(1.0, 0.2, 0.5), right=True
    )
    np.testing.assert_allclose(values, expected)


def test_scales_are_cumulative():
    values = curve(tables.piecewise, 5, boundaries=(1, 3), scales=(0.5, 0.5))
    np.testing.assert_allclose(values, [1.0, 0.5, 0.5, 0.25, 0.25])


@given(st.lists(st.integers(1, 30), min_size=1, max_size=5, unique=True).map(sorted))
def test_multistep_counts_the_passed_boundaries(boundaries):
    for t in range(0, 32, 3):
        value = tables.multistep(
            tf.constant(float(t)), tf.constant(1.0), tuple(boundaries), 0.5
        )
        assert float(value) == 0.5 ** sum(t >= edge for edge in boundaries)


@pytest.mark.parametrize("shape", ["linear", "cos"])
def test_interpolate_goes_through_its_values(shape):
    values = curve(
        tables.interpolate, 12, boundaries=(4, 8), factors=(0.2, 0.6), shape=shape
    )
    np.testing.assert_allclose(values[[0, 4, 8, 11]], [1.0, 0.2, 0.6, 0.6], rtol=1e-6)
    assert values[2] == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("shape", "parameters"),
    [
        (tables.piecewise, {"boundaries": (1,)}),
        (tables.piecewise, {"boundaries": (5, 1), "values": (1.0, 2.0, 3.0)}),
        (tables.interpolate, {"boundaries": (5, 1), "factors": (1.0, 2.0)}),
        (tables.piecewise, {"boundaries": (1,), "values": (1.0,)}),
        (tables.piecewise, {"boundaries": (1,), "values": (1.0,), "scales": (1.0,)}),
        (tables.interpolate, {"boundaries": (1,)}),
        (tables.interpolate, {"boundaries": (1, 2), "factors": (1.0,)}),
        (
            tables.interpolate,
            {"boundaries": (1,), "factors": (1.0,), "shape": "square"},
        ),
    ],
)
def test_refuses_mismatched_tables(shape, parameters):
    with pytest.raises(UsageError):
        shape(tf.constant(0.0), tf.constant(5.0), **parameters)
