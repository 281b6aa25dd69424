"""Tests of framework/config/durations.py."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.config.durations import Duration
from framework.errors import UsageError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("500", Duration(500)),
        (500, Duration(500)),
        (500.0, Duration(500)),
        ("500.0", Duration(500)),
        ("0", Duration(0)),
        (" 10 ep ", Duration(10, "ep")),
        ("2.5ep", Duration(2.5, "ep")),
        (".5ep", Duration(0.5, "ep")),
        ("5%", Duration(5, "%")),
        ("0.1%", Duration(0.1, "%")),
        (Duration(3, "ep"), Duration(3, "ep")),
    ],
)
def test_parse(text, expected):
    assert Duration.parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ep",
        "%",
        ".",
        "-5",
        "+5",
        "5 epochs",
        "5e3",
        "5ep5",
        "1,000",
        "1_000",
        "5%%",
        "nan",
        "inf",
        float("nan"),
        float("inf"),
        -5,
        None,
        True,
        (5,),
    ],
)
def test_refuses_other_forms(text):
    with pytest.raises(UsageError, match=r"a length is steps \(500\), epochs \(10ep\)"):
        Duration.parse(text)


@pytest.mark.parametrize("text", [0.5, "0.5", "1.5"])
def test_refuses_a_part_of_a_step(text):
    with pytest.raises(UsageError, match=f"must be an integer, not {text}"):
        Duration.parse(text)


@pytest.mark.parametrize("unit", ["", "ep", "%"])
def test_refuses_what_no_float_can_hold(unit):
    with pytest.raises(UsageError, match="must be finite"):
        Duration.parse("9" * 400 + unit)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7", 7),
        ("2ep", 26),
        ("0.5ep", 7),  # 6.5, and a half goes up.
        ("1.5ep", 20),
        (".01ep", 0),
        ("50%", 100),
        ("0.25%", 1),
        ("0.2%", 0),
        ("100%", 200),
        ("150%", 300),
    ],
)
def test_steps_are_rounded_to_the_nearest(text, expected):
    steps = Duration.parse(text).steps(steps_per_epoch=13, total_steps=200)
    assert steps == expected
    assert isinstance(steps, int)


def test_a_share_of_nothing_is_refused():
    with pytest.raises(UsageError, match="length of the run cannot be 5%"):
        Duration.parse("5%").steps(13)
    assert Duration.parse("5ep").steps(13) == 65


@given(st.integers(0, 10**12), st.sampled_from(["", "ep", "%"]))
def test_reads_what_it_writes(value, unit):
    duration = Duration(value, unit)
    assert str(duration) == repr(duration) == f"{value}{unit}"
    assert Duration.parse(str(duration)) == duration


@given(st.text(max_size=20))
def test_any_text_is_a_length_or_a_usage_error(text):
    try:
        duration = Duration.parse(text)
    except UsageError:
        return
    assert duration.value >= 0
    assert duration.steps(10, 100) >= 0
