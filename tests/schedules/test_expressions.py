"""Tests of framework/schedules/expressions.py."""

import pytest

from framework import schedules
from framework.errors import UsageError
from framework.schedules import Clock, expressions, preview
from framework.schedules.expressions import cosine, plateau, warmup


def test_python_and_spec_give_the_same_rates():
    expression = (warmup("5%", start=0.1) + cosine(end=0.2)) * plateau(patience=2)
    text = "(warmup(5%, start=.1) + cosine(end=.2)) * plateau(patience=2)"
    clock = Clock(100, 10)
    from_python, from_spec = (
        preview.rates(schedule, 0.5, clock).tolist()
        for schedule in (expression, schedules.build(text))
    )
    assert from_python == from_spec


def test_a_wrong_argument_lists_the_valid_ones():
    with pytest.raises(UsageError, match=r"cosine\(steps=None, end=0.0"):
        cosine(ende=1.0)


def test_an_unknown_name_is_no_attribute():
    with pytest.raises(AttributeError, match="there is no schedule 'zigzag'"):
        _ = expressions.zigzag
