"""Tests of framework/schedules/algebra.py."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from framework import schedules
from framework.config.durations import Duration
from framework.errors import UsageError
from framework.schedules import Clock, LearningRate, Plateau, Segment, shapes


def rate(text, total, steps_per_epoch=10):
    return LearningRate(1.0, schedules.build(text), Clock(total, steps_per_epoch))


def at(text, total, steps):
    """Returns the multipliers at some steps."""
    schedule = rate(text, total)
    return np.array([float(schedule(tf.constant(step, tf.int64))) for step in steps])


def segment(function, length=None, **parameters):
    return Segment(
        function, parameters, None if length is None else Duration.parse(length)
    )


def test_operators_build_the_schedule_of_the_spec():
    built = (segment(shapes.warmup, "5%") + segment(shapes.cosine, end=0.1)) * segment(
        shapes.constant, factor=0.5
    )
    written = schedules.build("(warmup(5%) + cosine(end=.1)) * constant(factor=.5)")
    assert built == written


@pytest.mark.parametrize(
    ("text", "jump"),
    [
        ("warmup(7) + cosine", 0.2),
        ("warmup(7) + constant + linear(20%)", 0.2),
        ("linear(30%, end=.4) + constant(factor=.4)", 0.1),
        ("(warmup(7) + constant(3)) + (constant(2) + cosine)", 0.2),
    ],
)
def test_matching_parts_join_continuously(text, jump):
    values = at(text, 40, range(60))
    assert np.abs(np.diff(values)).max() < jump


def test_each_part_has_its_own_clock():
    values = at("warmup(4) + linear(10, end=.5) + warmup(6)", 20, range(25))
    np.testing.assert_allclose(values[:4], [0.0, 0.25, 0.5, 0.75])
    np.testing.assert_allclose(values[4:14], 1.0 - 0.05 * np.arange(10), rtol=1e-6)
    np.testing.assert_allclose(values[14:20], np.arange(6) / 6, rtol=1e-6)
    # The last part holds its final value.
    np.testing.assert_allclose(values[20:], 1.0)


def test_the_grouping_of_a_sum_does_not_matter():
    left = at("(warmup(5) + constant) + linear(8)", 30, range(35))
    right = at("warmup(5) + (constant + linear(8))", 30, range(35))
    np.testing.assert_array_equal(left, right)


def test_a_product_has_one_clock():
    whole = at("linear * cosine(20)", 20, range(20))
    separate = at("linear", 20, range(20)) * at("cosine(20)", 20, range(20))
    np.testing.assert_allclose(whole, separate, rtol=1e-6)


def test_a_product_in_a_sum_starts_at_the_boundary():
    values = at("warmup(5) + linear(10) * constant(factor=.5)", 15, range(15))
    np.testing.assert_allclose(values[5:], 0.5 * (1.0 - np.arange(10) / 10), rtol=1e-6)


def test_a_part_that_ends_before_the_run_holds_its_last_value():
    np.testing.assert_allclose(at("warmup(5)", 20, [4, 5, 19]), [0.8, 1.0, 1.0])
    np.testing.assert_allclose(at("linear(5, end=.3)", 20, [5, 19]), 0.3)
    np.testing.assert_allclose(at("warmup(5) + linear(5, end=.3)", 20, [19]), 0.3)


def test_a_part_rounded_to_zero_steps_has_no_effect():
    np.testing.assert_array_equal(
        at("warmup(1%) + linear", 20, range(20)), at("linear", 20, range(20))
    )


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("boundary", [2**24 + 1, 2**31 + 1, 2**40 + 3])
def test_boundaries_are_exact_where_float32_is_not(boundary, compiled):
    schedule = tf.function(
        rate(f"constant({boundary}) + linear(8)", boundary + 8), jit_compile=compiled
    )
    values = [
        float(schedule(tf.constant(boundary + t, tf.int64)))
        for t in (-2, -1, 0, 1, 2, 8)
    ]
    np.testing.assert_allclose(values, [1.0, 1.0, 1.0, 0.875, 0.75, 0.0])


def test_lengths_follow_the_clock():
    np.testing.assert_allclose(
        [
            float(rate("warmup(2ep)", 100, per_epoch)(tf.constant(5, tf.int64)))
            for per_epoch in (5, 10, 25)
        ],
        [0.5, 0.25, 0.1],
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("constant + cosine", "only one part of a sum may leave out its length"),
        ("warmup(5) + constant + cosine", "only one part of a sum may leave out"),
        ("plateau + cosine", "only one part of a sum may leave out"),
        ("warmup(4) * linear + cosine", "only one part of a sum may leave out"),
        ("warmup(21)", "takes 21 steps, but the run has only 20"),
        ("cosine(3ep)", "takes 30 steps, but the run has only 20"),
        ("warmup(103%)", "takes 21 steps, but the run has only 20"),
        ("warmup(11) + linear(10)", "21 steps, but .*20"),
        ("warmup(15) + cosine(50%)", "25 steps, but .*20"),
        ("warmup(20) + cosine", "take all 20 available steps and leave none"),
        ("warmup(15) + constant + linear(25%)", "take all 15 available steps"),
        ("warmup(15) + (constant + linear(10))", "take 10 steps, but only 5"),
        ("cosine(50) * constant", "takes 50 steps, but only 20"),
        ("warmup(5) + constant * cosine(50)", "takes 50 steps, but only 15"),
        ("cosine(50) * plateau", "takes 50 steps, but only 20"),
    ],
)
def test_refuses_a_schedule_that_does_not_fit(text, message):
    with pytest.raises(UsageError, match=message):
        rate(text, 20)


@pytest.mark.parametrize(
    "text", ["warmup(20)", "warmup(50%) + cosine(50%)", "linear(2ep)"]
)
def test_accepts_a_schedule_that_just_fits(text):
    rate(text, 20)


@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=5),
    st.integers(0, 5),
    st.integers(0, 9),
)
def test_any_sum_divides_the_run(lengths, position, rest):
    """Each of several constant parts applies to exactly its own steps."""
    position = min(position, len(lengths))
    heights = [1.0 + index for index in range(len(lengths))]
    specs = [
        f"constant({length}, factor={height})"
        for length, height in zip(lengths, heights, strict=True)
    ]
    expected = [
        [height] * length for length, height in zip(lengths, heights, strict=True)
    ]
    if rest:
        specs.insert(position, "constant(factor=.5)")
        expected.insert(position, [0.5] * rest)
    total = sum(lengths) + rest
    values = at(" + ".join(specs), total, range(total))
    np.testing.assert_array_equal(values, np.concatenate(expected))


def test_controllers_are_listed_from_left_to_right():
    schedule = schedules.build(
        "plateau('a') * (warmup(5) + cosine * plateau('b')) + linear(3) * plateau('c')"
    )
    controllers = list(schedule.controllers())
    assert [controller.monitor for controller in controllers] == ["a", "b", "c"]
    assert all(isinstance(controller, Plateau) for controller in controllers)
    assert list(schedules.build("warmup(5) + cosine").controllers()) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("constant", [(0, "constant")]),
        ("warmup(5%) + cosine", [(0, "warmup for 50 steps"), (50, "cosine")]),
        (
            "(warmup(10) + constant(20) + linear) * plateau",
            [
                (0, "warmup for 10 steps"),
                (0, "plateau"),
                (10, "constant for 20 steps"),
                (30, "linear"),
            ],
        ),
    ],
)
def test_parts_begin_where_the_former_end(text, expected):
    assert schedules.build(text).parts(Clock(1000, 100), 1000) == expected
