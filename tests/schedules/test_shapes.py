"""Tests of framework/schedules/shapes.py."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from framework.errors import UsageError
from framework.schedules import shapes


def curve(shape, length, steps, /, **parameters):
    """Returns a schedule's values at the first `steps` steps."""
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
    (shapes.warmup, {"shape": "cosine", "start": 0.1}),
    (shapes.warmup, {"shape": "1-sqrt", "first": 1}),
    (shapes.warmup, {"shape": "exponential", "start": 0.01}),
    (shapes.polynomial, {"power": 2.0, "end": 0.1, "k": 2.0}),
    (shapes.polynomial, {"power": 2.0, "cycle": True}),
    (shapes.exponential, {"decay_steps": 3, "decay_rate": 0.5, "staircase": True}),
    (shapes.inverse_time, {"decay_steps": 3, "staircase": True}),
    (shapes.multiplicative, {"factor": 0.9}),
    (shapes.rsqrt, {"timescale": 4.0, "shift": 1.0}),
    (shapes.noam, {"warmup": 3}),
    (shapes.power, {}),
    (shapes.tanh, {"end": 0.1}),
    (shapes.rex, {}),
    (shapes.cooldown, {"last": 4, "shape": "1-sqrt"}),
    (shapes.decay, {"shape": "exp", "end": 0.1}),
    (shapes.wsd, {"warmup": 2, "decay": 4, "stable_shape": "rsqrt"}),
    (shapes.exp_interp, {}),
    (shapes.noise, {"pct": 0.3}),
]


@pytest.mark.parametrize(("shape", "parameters"), ALL)
def test_graph_and_xla_agree_with_eager(shape, parameters):
    def schedule(t):
        return shape(t, tf.constant(10.0), **parameters)

    eager = curve(shape, 10, 13, **parameters)
    assert eager.dtype == np.float32
    assert eager.shape == (13,)
    for compiled in (tf.function(schedule), tf.function(schedule, jit_compile=True)):
        values = [compiled(tf.constant(float(t))).numpy() for t in range(13)]
        np.testing.assert_allclose(values, eager, rtol=1e-6, atol=1e-7)


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
def test_reaches_its_last_value_and_holds_it(shape, parameters, first, last):
    values = curve(shape, 8, 20, **parameters)
    assert values[0] == pytest.approx(first, abs=1e-7)
    np.testing.assert_allclose(values[8:], last, atol=1e-6)


@pytest.mark.parametrize(
    "shape", [shapes.constant, shapes.warmup, shapes.linear, shapes.cosine]
)
def test_length_zero_is_finite(shape):
    assert np.isfinite(curve(shape, 0, 3)).all()


@pytest.mark.parametrize("end", [0.0, 0.1])
def test_cosine_matches_keras(end):
    oracle = keras.optimizers.schedules.CosineDecay(1.0, 17, alpha=end)
    expected = [float(oracle(t)) for t in range(25)]
    np.testing.assert_allclose(
        curve(shapes.cosine, 17, 25, end=end), expected, rtol=1e-6, atol=1e-7
    )


@pytest.mark.parametrize("end", [0.0, 0.1])
def test_linear_matches_keras(end):
    oracle = keras.optimizers.schedules.PolynomialDecay(1.0, 17, end)
    expected = [float(oracle(t)) for t in range(25)]
    np.testing.assert_allclose(
        curve(shapes.linear, 17, 25, end=end), expected, rtol=1e-6, atol=1e-7
    )


@given(
    st.sampled_from([shapes.warmup, shapes.linear, shapes.cosine]),
    st.integers(1, 1000),
    st.lists(st.integers(0, 2000), min_size=2, max_size=5).map(sorted),
)
def test_is_monotonic(shape, length, times):
    sign = 1.0 if shape is shapes.warmup else -1.0
    values = [
        float(shape(tf.constant(float(t)), tf.constant(float(length)))) for t in times
    ]
    assert all(0.0 <= value <= 1.0 for value in values)
    assert all(sign * change >= -1e-6 for change in np.diff(values))


@pytest.mark.parametrize("steps", [7, 40])
@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("cycle", [False, True])
def test_polynomial_matches_keras(steps, power, cycle):
    oracle = keras.optimizers.schedules.PolynomialDecay(1.0, steps, 0.1, power, cycle)
    # At the end of a cycle Keras's rounding decides which cycle it is.
    expected = [float(oracle(t)) for t in range(1, 3 * steps) if t % steps]
    values = curve(
        shapes.polynomial, steps, 3 * steps, end=0.1, power=power, cycle=cycle
    )
    values = [value for t, value in enumerate(values) if t % steps]
    np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("staircase", [False, True])
@pytest.mark.parametrize(
    ("shape", "oracle"),
    [
        (shapes.exponential, keras.optimizers.schedules.ExponentialDecay),
        (shapes.inverse_time, keras.optimizers.schedules.InverseTimeDecay),
    ],
)
def test_exponential_and_inverse_time_match_keras(shape, oracle, staircase):
    oracle = oracle(1.0, 4, 0.5, staircase)
    expected = [float(oracle(t)) for t in range(30)]
    values = curve(shape, 30, 30, decay_steps=4, decay_rate=0.5, staircase=staircase)
    np.testing.assert_allclose(values, expected, rtol=1e-5)


@pytest.mark.parametrize("shape", ["linear", "polynomial", "cosine", "1-sqrt"])
def test_warmup_with_first_one_starts_one_step_later(shape):
    late, early = (curve(shapes.warmup, 5, 8, shape=shape, first=n) for n in (0, 1))
    assert late[0] == 0.0 < early[0]
    np.testing.assert_array_equal(early[:-1], late[1:])
    assert early[4] == late[5] == 1.0


def test_an_exponential_warmup_rises_by_equal_ratios():
    values = curve(shapes.warmup, 4, 5, shape="exponential", start=0.0016, end=1.0)
    np.testing.assert_allclose(values[1:] / values[:-1], 5.0, rtol=1e-5)


def test_rex_in_closed_form():
    p = np.arange(11) / 10
    expected = (1 - p) / (1 - 0.9 * p)
    np.testing.assert_allclose(curve(shapes.rex, 10, 11), expected, rtol=1e-5)


@pytest.mark.parametrize("shape", ["linear", "cosine", "1-sqrt", "exp"])
def test_a_cooldown_is_a_decay_at_the_end(shape):
    whole = curve(shapes.cooldown, 20, 21, last=8, shape=shape, end=0.1)
    np.testing.assert_array_equal(whole[:13], 1.0)
    last = curve(shapes.decay, 8, 9, shape=shape, end=0.1)
    np.testing.assert_allclose(whole[12:], last, rtol=1e-6)


@pytest.mark.parametrize("shape", ["linear", "cosine", "1-sqrt", "exp"])
def test_wsd_is_warmup_constant_and_decay(shape):
    values = curve(shapes.wsd, 20, 24, warmup=4, decay=8, shape=shape, end=0.1)
    expected = np.concatenate(
        [
            curve(shapes.warmup, 4, 4),
            np.ones(8),
            curve(shapes.decay, 8, 12, shape=shape, end=0.1),
        ]
    )
    np.testing.assert_allclose(values, expected, rtol=1e-6, atol=1e-7)


def test_noise_depends_on_the_step_and_is_bounded():
    values = curve(shapes.noise, 500, 500, pct=0.5, std=1.0)
    assert np.all(np.abs(values - 1.0) <= 0.5)
    assert len(np.unique(values)) == 500
    # A normal distribution truncated this tightly is almost uniform.
    assert np.mean(values) == pytest.approx(1.0, abs=0.05)
    assert np.std(values) == pytest.approx(0.28, abs=0.03)
    np.testing.assert_array_equal(
        values[:10], curve(shapes.noise, 7, 10, pct=0.5, std=1.0)
    )
    assert values[0] != curve(shapes.noise, 7, 1, pct=0.5, std=1.0, seed=1)[0]


@pytest.mark.parametrize(
    ("shape", "parameters"),
    [
        (shapes.warmup, {"shape": "sine"}),
        (shapes.warmup, {"shape": "exponential"}),
        (shapes.decay, {"shape": "sqrt"}),
        (shapes.wsd, {"warmup": 1, "decay": 1, "stable_shape": "flat"}),
    ],
)
def test_refuses_values_out_of_range(shape, parameters):
    with pytest.raises(UsageError, match="must be"):
        curve(shape, 5, 1, **parameters)
