"""Tests of framework/schedules/__init__.py: specs, against golden numbers of others."""

import functools
import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from framework import schedules
from framework.errors import UsageError
from framework.schedules import Clock, LearningRate, Plateau

GOLDEN = pathlib.Path(__file__).parents[1] / "golden/schedules/schedules.json"
CASES = {case["id"]: case for case in json.loads(GOLDEN.read_text())["cases"]}

# The peak rate and the spec that stand for a case of the reference libraries.
SPECS = {
    "constant": (0.1, "constant"),
    "constant_factor_then_1": (0.1, "constant(5, factor=.33333333333) + constant"),
    "warmup_linear_from0_4": (0.1, "warmup(4)"),
    "warmup_linear_from_value": (0.1, "warmup(5, start=.2)"),
    "warmup_power2": (0.1, "warmup(8, power=2)"),
    "linear_T20_w0": (0.1, "linear(20)"),
    "linear_T20_w5": (0.1, "warmup(5) + linear(15)"),
    "linear_down_factor": (0.1, "linear(10, end=.1)"),
    "linear_begin": (1.0, "constant(5) + linear(10, end=.01)"),
    "swalr": (0.1, "linear(4, end=.5)"),
    "step": (0.1, "step(every=5)"),
    # In timm the step clock runs during the warm-up, as in a product.
    "step_timm_warmup": (0.1, "warmup(3, start=.1) * step(every=4, gamma=.5)"),
    "step_timm_warmup_prefix": (0.1, "warmup(3, start=.1) + step(every=4, gamma=.5)"),
    "cosine_a0.0_x1.0": (0.1, "cosine(12)"),
    "cosine_a0.1_x1.0": (0.1, "cosine(12, end=.1)"),
    "cosine_a0.05_x2.0": (0.1, "cosine(12, end=.05, exponent=2)"),
    "cosine_keras": (0.1, "cosine(12, end=.1)"),
    "cosine_keras_warmup": (0.1, "warmup(4) + cosine(12, end=.1)"),
    "cosine_optax_warmup": (0.1, "warmup(4, start=.1) + cosine(12, end=.05)"),
    "cosine_hf_min_lr": (0.1, "warmup(4) + cosine(12, end=.1)"),
    "cosine_timm_warmup_prefix": (0.1, "warmup(3, start=.01) + cosine(12, end=1e-4)"),
    "restarts_torch_mult1": (
        0.1,
        "(cosine(5, end=.01) + cosine(5, end=.01))"
        "+ (cosine(5, end=.01) + cosine(5, end=.01))",
    ),
    "restarts_torch_mult2": (0.1, "cosine(3) + cosine(6) + cosine(12) + cosine(24)"),
    "restarts_hf_hard": (0.1, "warmup(3) + cosine(4) + cosine(4) + cosine(4)"),
    "restarts_sgdr_list": (
        0.1,
        "warmup(2) + cosine(6)+ constant(factor=.5) * (warmup(2) + cosine(8, end=.2))",
    ),
    "wsd_hf_linear": (0.1, "warmup(4, start=.1) + constant(8) + linear(6, end=.1)"),
    "wsd_hf_cosine": (0.1, "warmup(4, start=.1) + constant(8) + cosine(6, end=.1)"),
    "flat_cos_fastai": (0.1, "constant(15) + cosine(5, end=1e-5)"),
    "seq_optax3": (0.1, "warmup(4) + constant(6) + cosine(8)"),
    "cyclic_triangular": (
        0.1,
        "warmup(4, start=.1) + linear(4, end=.1)"
        "+ warmup(4, start=.1) + linear(4, end=.1) + warmup(4, start=.1)",
    ),
}
SPECS |= {
    "polynomial_p2.0_e0.0": (0.1, "polynomial(12, power=2.)"),
    "polynomial_p0.5_e0.01": (0.1, "polynomial(12, end=.1, power=.5)"),
    "polynomial_p1.0_e0.0001": (0.1, "polynomial(12, end=.001)"),
    "polynomial_optax_p1.0_e0.0001": (0.1, "polynomial(12, end=.001)"),
    "polynomial_torch": (0.1, "polynomial(10, power=2.)"),
    "polynomial_hf_warmup": (0.1, "warmup(4) + polynomial(12, end=.01, power=2.)"),
    "polynomial_timm_kdecay": (0.1, "polynomial(10, end=.01, power=.5, k=2.)"),
    "mlperf_poly": (0.1, "warmup(5) + polynomial(16, end=.001, power=2.)"),
    "exponential_staircase_False": (
        0.1,
        "exponential(decay_steps=4, decay_rate=.5)",
    ),
    "exponential_floor_begin": (
        0.1,
        "constant(4) + exponential(decay_steps=3, decay_rate=.5, end=.1)",
    ),
    "lr_find_exp": (1.0, "exp_interp(20, start=1e-7, end=10.)"),
    "multiplicative": (0.1, "multiplicative(factor=.95)"),
    "seq_torch": (0.1, "warmup(4, start=.1) + exponential(decay_rate=.9)"),
    "chained_torch": (
        0.1,
        "(constant(4, factor=.1) + constant) * exponential(decay_rate=.9)",
    ),
    "inverse_time_staircase_False": (
        0.1,
        "inverse_time(decay_steps=4, decay_rate=.5)",
    ),
    "multistep": (0.1, "multistep(boundaries=(3, 7, 10), gamma=.1)"),
    "piecewise_keras": (
        0.1,
        "piecewise(boundaries=(3, 7), values=(1., .2, .05), right=True)",
    ),
    "piecewise_optax": (0.1, "piecewise(boundaries=(3, 7), scales=(.2, .25))"),
    "piecewise_interp_linear": (
        1.0,
        "interpolate(boundaries=(4, 8), scales=(.1, .01))",
    ),
    "piecewise_linear_abs": (
        0.1,
        "interpolate(boundaries=(5, 12), factors=(.5, .1))",
    ),
    "cosine_timm_warmup_overlay": (
        0.1,
        "warmup(3, start=.01) + cosine(12, end=1e-4, skip=3)",
    ),
    "cosine_timm_kdecay": (0.1, "cosine(10, end=.01, k=2.)"),
    "rsqrt_hf": (0.1, "warmup(4) + rsqrt(timescale=4)"),
    "rsqrt_big_vision_cooldown": (
        1.0,
        "(warmup(4) + rsqrt(timescale=10)) * cooldown(20, last=5)",
    ),
    "rsqrt_squash": (0.1, "rsqrt(timescale=7)"),
    "noam": (2.0, "noam(model_dim=512, warmup=5)"),
    "power_tfm": (0.1, "power(power=-.5)"),
    "power_linear_tfm": (0.1, "power(power=-.5) * cooldown(20, last=5)"),
    # Its warm-up ends at the value of the cosine there: cos(pi / 8) ** 2.
    "warmup_tfm_linear_cosine": (
        0.1,
        "warmup(4, start=.1, end=0.8535533905932737) + cosine(16, skip=4)",
    ),
    "onecycle_torch_cos": (0.1, "one_cycle(20, torch=True)"),
    "onecycle_torch_three_phase": (
        0.1,
        "one_cycle(20, pct_start=.4, div=10., final_div=100., shape='linear', "
        "three_phase=True, torch=True)",
    ),
    "onecycle_optax_cosine": (0.1, "one_cycle(20)"),
    "flat_cos_fastai": (0.1, "flat_cos(20, pct_start=.75, end=1e-5)"),
    "wsd_hf_1-sqrt": (
        0.1,
        "warmup(4, start=.1) + constant(8) + decay(6, shape='1-sqrt', end=.1)",
    ),
    "wsd_timm_constant_1-sqrt": (
        0.1,
        "wsd(18, warmup=4, decay=6, shape='1-sqrt', end=.01)",
    ),
    "wsd_timm_rsqrt_linear": (
        0.1,
        "wsd(18, warmup=4, decay=6, end=.01, stable_shape='rsqrt', timescale=5)",
    ),
    "wsd_timm_constant_exp": (
        0.1,
        "wsd(18, warmup=4, decay=6, shape='exp', end=.01)",
    ),
    "cyclic_triangular": (0.01, "cyclic(max=10., up=4)"),
    "cyclic_triangular2": (0.01, "cyclic(max=10., up=4, mode='triangular2')"),
    "cyclic_exp_range": (
        0.01,
        "cyclic(max=10., up=4, down=4, mode='exp_range', gamma=.95)",
    ),
    "tanh_timm": (0.1, "tanh(12, end=.001)"),
    "restarts_torch_mult1": (0.1, "cosine_restarts(first=5, end=.01)"),
    "restarts_torch_mult2": (0.1, "cosine_restarts(first=3, t_mul=2.)"),
    "restarts_hf_hard": (0.1, "warmup(3) + cosine_restarts(12, cycles=3)"),
    "restarts_sgdr_list": (
        0.1,
        "warmup(2) + cosine(6) + constant(factor=.5) * (warmup(2) + cosine(8, end=.2))",
    ),
}


def test_every_golden_case_has_a_spec():
    assert SPECS.keys() == CASES.keys()


@functools.cache
def made(case):
    """Returns the rate of a case, and its eager values at the recorded steps."""
    peak, text = SPECS[case]
    count = len(CASES[case]["lr"])
    # In some cases the last part extends beyond the recorded steps.
    rate = LearningRate(peak, schedules.build(text), Clock(count + 24, 1))
    steps = tf.range(count, dtype=tf.int64)
    return rate, np.array([rate(step).numpy() for step in steps])


@pytest.mark.parametrize("case", sorted(CASES))
def test_golden(case):
    golden = CASES[case]
    peak, _ = SPECS[case]
    _, actual = made(case)
    expected = np.array(golden["lr"])
    # At these steps the reference itself rounds to either cycle.
    fragile = np.isin(np.arange(len(expected)), golden.get("fragile_steps", []))
    assert actual.dtype == np.float32
    np.testing.assert_allclose(
        actual[~fragile], expected[~fragile], rtol=golden["rtol"], atol=1e-7 * peak
    )


@pytest.mark.parametrize("jit", [False, True], ids=["graph", "xla"])
def test_compiled_rates_are_those_of_eager_ones(jit):
    # Single shapes are compiled by XLA in test_shapes.py and test_cycles.py.
    cases = [
        case
        for case in sorted(CASES)
        if not jit or "+" in SPECS[case][1] or "*" in SPECS[case][1]
    ]
    rates = [made(case)[0] for case in cases]

    @tf.function(jit_compile=jit, autograph=False)
    def compiled(step):
        return tf.stack([rate(step) for rate in rates])

    count = max(len(CASES[case]["lr"]) for case in cases)
    values = np.array([compiled(step) for step in tf.range(count, dtype=tf.int64)])
    for index, case in enumerate(cases):
        _, expected = made(case)
        np.testing.assert_allclose(
            values[: len(expected), index],
            expected,
            rtol=1e-6,
            atol=1e-7 * SPECS[case][0],
            err_msg=case,
        )


def multipliers(text, total, steps_per_epoch=10):
    rate = LearningRate(1.0, schedules.build(text), Clock(total, steps_per_epoch))
    return [float(rate(tf.constant(step, tf.int64))) for step in range(total)]


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("linear(20)", "linear"),
        ("linear(steps=20)", "linear"),
        ("linear(100%)", "linear"),
        ("linear(2ep)", "linear"),
        ("linear('2ep')", "linear"),
        ("warmup(25%) + cosine", "warmup(5) + cosine(15)"),
        ("warmup(.5ep) + cosine", "warmup(5) + cosine(15)"),
        ("step(every=25%)", "step(every=5)"),
        ("step(every=.5ep, gamma=.1)", "step(every=5)"),
        # Multiplication binds closer than addition.
        ("warmup(5) + linear * cosine", "warmup(5) + (linear * cosine)"),
    ],
)
def test_specs_of_the_same_schedule(text, same):
    assert multipliers(text, 20) == multipliers(same, 20)


def test_default_lengths_are_resolved_like_given_ones():
    assert multipliers("step", 20) == multipliers("step(every=30%)", 20)


def test_a_length_rounded_to_zero_becomes_one_step():
    assert multipliers("step(every=1%, gamma=.5)", 3) == [1.0, 0.5, 0.25]


def test_plateau_takes_its_arguments_by_position():
    plateau = schedules.build("plateau('train/loss', factor=.2, patience=3)")
    assert isinstance(plateau, Plateau)
    settings = (plateau.monitor, plateau.factor, plateau.patience, plateau.cooldown)
    assert settings == ("train/loss", 0.2, 3, 0)


@pytest.mark.parametrize(
    ("text", "marked", "message"),
    [
        ("cosin(5%)", "cosin(5%)", r"unknown schedule 'cosin'; did you mean cosine"),
        (
            "warmup(5%) + zigzag",
            "zigzag",
            "unknown schedule 'zigzag'; known are constant, cooldown, cosine",
        ),
        (
            "warmup(5%) + step(x)",
            "x)",
            "must be a number, a string, a tuple or a length",
        ),
        ("warmup(soon)", "soon)", "must be a number, a string, a tuple or a length"),
        ("cosine + warmup('soon')", "warmup('soon')", "warmup: a length is steps"),
        ("warmup(.5)", "warmup(.5)", "a number of steps must be an integer, not 0.5"),
        ("warmup(-5)", "warmup(-5)", "warmup: a length is steps"),
        ("warmup(5%, begin=1)", "warmup(5%, begin=1)", "argument 'begin'.*start=0.0"),
        ("cosine(5%, end='a')", "cosine(5%, end='a')", "end must be float, not 'a'"),
        ("cosine(5%, .1, 1, 2, 3)", "cosine(5%, .1, 1, 2, 3)", "too many positional"),
        ("warmup(5, steps=6)", "warmup(5, steps=6)", "multiple values for.*'steps'"),
        ("warmup((5, 6))", "warmup((5, 6))", r"steps must be Duration, not \(5, 6\)"),
        (
            "linear(5, .1, 2)",
            "linear(5, .1, 2)",
            r"are linear\(steps=None, end=0.0, \*, skip=0\)",
        ),
        (
            "step(T=5)",
            "step(T=5)",
            r"step\(steps=None, every=30%, gamma=0.1, \*, skip=0\)",
        ),
        ("warmup(5, T=6)", "warmup(5, T=6)", "argument 'T'"),
        ("step(every=0)", "step(every=0)", "every must be positive, not 0"),
        ("step(every=soon)", "soon)", "must be a number"),
        ("plateau(factor=2)", "plateau(factor=2)", "factor must be between 0 and 1"),
        (
            "cosine * plateau(patience=0)",
            "plateau(patience=0)",
            "patience must be at l",
        ),
        ("plateau(patience=2.5)", "plateau(patience=2.5)", "patience must be int"),
        ("cosine - linear", "cosine - linear", r"expected a name\(...\)"),
        ("2 * cosine", "2 * cosine", r"expected a name\(...\)"),
    ],
)
def test_refuses(text, marked, message):
    with pytest.raises(UsageError, match=f"(?s){message}") as caught:
        schedules.build(text)
    _, quoted, mark = str(caught.value).split("\n")
    assert quoted == f"    {text}"
    assert quoted[len(mark) - 1 :] == marked
