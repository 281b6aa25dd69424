"""Tests of framework/system/printable.py."""

import pytest

from framework.system.printable import control_character, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("löwe 花 🙂", "löwe 花 🙂"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("a\nb\tc\rd\x7f", "a\\nb\\tc\\rd\\x7f"),
        ("\x9b31m", "\\x9b31m"),
        ("\udcff\ud800", "\\udcff\\ud800"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("a\u2028b", "a\\u2028b"),
        ("\u0645\u06cc\u200c\u062e", "\u0645\u06cc\u200c\u062e"),
        ("", ""),
    ],
)
def test_printable(text, shown):
    assert printable(text) == shown
    shown.encode()


def test_newlines_can_be_kept():
    assert printable("a\nb\x1b", keep="\n") == "a\nb\\x1b"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("one line", ""), ("x\n--fresh", "\n"), ("\0", "\0"), ("a\u2028", "\u2028")],
)
def test_control_character(text, expected):
    assert control_character(text) == expected
