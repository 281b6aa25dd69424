"""Tests of framework/schedules/cycles.py."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from framework.errors import UsageError
from framework.schedules import cycles


def curve(shape, length, steps, /, **parameters):
    """Returns a schedule's values at the first `steps` steps."""

    def schedule(t):
        return shape(t, tf.constant(float(length)), **parameters)

    inputs = [tf.constant(float(t)) for t in range(steps)]
    eager = np.array([schedule(t).numpy() for t in inputs])
    for compiled in (tf.function(schedule), tf.function(schedule, jit_compile=True)):
        values = [compiled(t).numpy() for t in inputs]
        np.testing.assert_allclose(values, eager, rtol=1e-5, atol=1e-6)
    return eager


@pytest.mark.parametrize(("t_mul", "m_mul"), [(1.0, 1.0), (1.0, 0.5), (2.0, 0.8)])
def test_cosine_restarts_matches_keras(t_mul, m_mul):
    oracle = keras.optimizers.schedules.CosineDecayRestarts(
        1.0, 5, t_mul=t_mul, m_mul=m_mul, alpha=0.1
    )
    starts = {5, 10, 15, 20, 25, 35}
    # At the step of a restart Keras's own rounding decides which cycle it is.
    steps = [t for t in range(40) if t not in starts]
    values = curve(
        cycles.cosine_restarts, 40, 40, first=5, t_mul=t_mul, m_mul=m_mul, end=0.1
    )
    expected = [float(oracle(t)) for t in steps]
    np.testing.assert_allclose(values[steps], expected, rtol=1e-4, atol=1e-5)


@given(
    st.integers(1, 50), st.sampled_from([1.0, 1.5, 2.0, 3.0]), st.sampled_from([1, 0.5])
)
def test_each_cycle_begins_at_its_peak(first, t_mul, m_mul):
    start, length = 0.0, float(first)
    for number in range(5):
        if start == int(start):
            value = cycles.cosine_restarts(
                tf.constant(start), tf.constant(1.0), first, t_mul, m_mul
            )
            assert float(value) == pytest.approx(m_mul**number, rel=1e-5)
        start, length = start + length, length * t_mul


@pytest.mark.parametrize("torch", [False, True])
def test_one_cycle_has_its_peak_and_ends(torch):
    values = curve(cycles.one_cycle, 20, 25, torch=torch)
    peak, last = (5, 19) if torch else (6, 20)
    assert np.argmax(values) == peak
    assert values[0] == pytest.approx(1 / 25)
    np.testing.assert_allclose(values[last:], 1 / 25 / 1e4, rtol=1e-3)


def test_flat_cos_is_flat_then_decays():
    values = curve(cycles.flat_cos, 40, 44, pct_start=0.5, end=0.1)
    np.testing.assert_array_equal(values[:21], 1.0)
    assert np.all(np.diff(values[20:40]) < 0)
    np.testing.assert_allclose(values[40:], 0.1, rtol=1e-6)


def test_cyclic_with_unequal_rise_and_fall():
    values = curve(cycles.cyclic, 1, 9, max=3.0, up=2, down=4)
    np.testing.assert_allclose(values, [1, 2, 3, 2.5, 2, 1.5, 1, 2, 3], rtol=1e-6)


def test_refuses_an_unknown_mode():
    with pytest.raises(UsageError, match="mode must be one of triangular"):
        curve(cycles.cyclic, 1, 1, up=2, mode="square")


@pytest.mark.parametrize(
    ("shape", "parameters", "most"),
    [
        (cycles.one_cycle, {"pct_start": 2.0}, "1"),
        (cycles.one_cycle, {"pct_start": -0.1}, "1"),
        (cycles.one_cycle, {"pct_start": 0.6, "three_phase": True}, "0.5"),
        (cycles.one_cycle, {"pct_start": float("nan")}, "1"),
        (cycles.flat_cos, {"pct_start": 1.5}, "1"),
    ],
)
def test_a_share_of_the_run_is_from_0_to_1(shape, parameters, most):
    with pytest.raises(UsageError, match=f"pct_start must be from 0 to {most}, not"):
        shape(tf.constant(1.0), tf.constant(10.0), **parameters)
