"""Tests of framework/config/step_range.py."""

import pytest

from framework.config import Config
from framework.config.step_range import StepRange
from framework.errors import UsageError


@pytest.mark.parametrize(
    ("text", "step", "total", "expected"),
    [
        ("20", 0, 1000, (10, 30)),
        ("20", 500, 1000, (510, 530)),
        # A short run, and one that is nearly over.
        ("20", 0, 25, (5, 25)),
        ("20", 0, 12, (0, 12)),
        ("20", 995, 1000, (995, 1000)),
        ("100-120", 0, 1000, (100, 120)),
        ("100-120", 0, 110, (100, 110)),
        # Resumed in its middle, and after it.
        ("100-120", 110, 1000, (110, 120)),
        ("0-5", 0, 1000, (0, 5)),
    ],
)
def test_the_steps_that_are_to_come(text, step, total, expected):
    assert StepRange.parse(text).between(step, total) == expected


@pytest.mark.parametrize(("step", "total"), [(500, 1000), (0, 90), (120, 1000)])
def test_nothing_is_to_come(step, total):
    first, end = StepRange.parse("100-120").between(step, total)
    assert first == end


@pytest.mark.parametrize("text", ["0", "x", "5-3", "5-5", "1001", "0-1001", "1-2-3"])
def test_refuses(text):
    with pytest.raises(UsageError, match="profile: "):
        Config(profile=text)
