"""Tests of framework/system/json_text.py."""

import json
import math

import pytest

from framework.system import json_text
from framework.system.json_text import InvalidJsonError


@pytest.mark.parametrize("value", [None, 1, 0.1 + 0.2, "ö", [1], {"a": {"b": [1]}}])
def test_parses_json(value):
    assert json_text.parse(json.dumps(value).encode()) == value


def test_parses_nan_and_infinity():
    low, nan = json_text.parse(b"[-Infinity, NaN]")
    assert low == -math.inf
    assert math.isnan(nan)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "Expecting value"),
        (b"{", "Expecting property name"),
        (b'{"a": 1}x', "Extra data"),
        (b'"\xff"', "byte 1 is not UTF-8"),
        (b"\xef\xbb\xbf{}", "BOM"),
        ("{}".encode("utf-16"), "byte 0 is not UTF-8"),
        (bytes(100), "Expecting value"),
        (b"[" * 100_000, "too deeply"),
        (b'{"a":' * 100_000, "too deeply"),
        (b"9" * 5000, "limit"),
    ],
)
def test_everything_else_raises_one_exception(content, why):
    with pytest.raises(InvalidJsonError, match=why):
        json_text.parse(content)


@pytest.mark.parametrize("content", [b"null", b"[]", b"3", b'"step"', b"true"])
def test_refuses_other_values_than_objects(content):
    with pytest.raises(InvalidJsonError, match="not a JSON object"):
        json_text.parse_object(content)


@pytest.mark.parametrize(
    "record",
    [{"step": 0}, {"step": 2**63 - 1, "a": 0.5, "b": -3}, {"step": 1, "a": math.inf}],
)
def test_parses_a_record(record):
    assert json_text.parse_record(json.dumps(record).encode()) == record


@pytest.mark.parametrize("step", [-1, 1.0, True, "1", None, [], 2**63])
def test_refuses_an_invalid_step(step):
    with pytest.raises(InvalidJsonError, match="not a non-negative integer"):
        json_text.parse_record(json.dumps({"step": step}).encode())


@pytest.mark.parametrize("value", ["0.5", None, True, [1], {}, 10**400, -(2**63)])
def test_refuses_other_values_than_numbers(value):
    with pytest.raises(InvalidJsonError, match="its 'loss' is not a number"):
        json_text.parse_record(json.dumps({"step": 1, "loss": value}).encode())


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", []),
        (b"a\n", [(1, b"a", True)]),
        (b"a\n\nb", [(1, b"a", True), (2, b"", True), (3, b"b", False)]),
        # Only a newline ends a line.
        ("a\r\x0b\u2028b\n".encode(), [(1, "a\r\x0b\u2028b".encode(), True)]),
    ],
)
def test_lines(content, expected):
    assert list(json_text.lines(content)) == expected
