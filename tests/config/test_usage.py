"""Tests of framework/config/usage.py."""

import pytest
from absl import flags as absl_flags

from framework.config import usage
from framework.errors import UsageError


@pytest.fixture
def values():
    values = absl_flags.FlagValues()
    absl_flags.DEFINE_float("learning_rate", 0.5, "How fast.", flag_values=values)
    absl_flags.DEFINE_bool("jit", False, "Compile.", flag_values=values)
    absl_flags.DEFINE_string("png", "", "A file. " + "Long " * 30, flag_values=values)
    absl_flags.DEFINE_enum("kind", "a", ["a", "b"], "Which.", flag_values=values)
    return values


@pytest.mark.parametrize(
    ("arguments", "requested"),
    [
        (["--help"], True),
        (["-h"], True),
        (["cosine", "--helpfull"], True),
        (["--", "--help"], False),
        (["--workdir=--help"], False),
        ([], False),
    ],
)
def test_help_is_requested(arguments, requested):
    assert usage.requested(["program", *arguments]) == requested


def test_flags_in_sections(values, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    text = usage.text("Does.\n", values, {"speed": ["learning_rate"]}, {"png": "Note."})
    lines = text.splitlines()
    assert lines[:3] == ["Does.", "", "flags of this command:"]
    assert "  --[no]jit               Compile. (default: off)" in lines
    assert "  --kind=a|b              Which. (default: a)" in lines
    assert f"{'':26}Note." in lines
    speed = lines.index("speed:")
    assert lines[speed + 1] == "  --learning_rate=FLOAT   How fast. (default: 0.5)"
    assert max(map(len, lines)) <= 80


def test_reads_flags_and_leaves_the_rest(values):
    rest = usage.parse(["program", "a", "--learning_rate=2", "b"], values)
    assert rest == ["program", "a", "b"]
    assert values["learning_rate"].value == 2.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--lr=.1"], "--learning_rate=.1"),
        (["--lr", ".1"], "--learning_rate=.1"),
        (["-lr", ".1"], "--learning_rate=.1"),
        (["--lr", "--jit"], r"--learning_rate=\.\.\."),
        (["--epochs=3"], "Unknown command line flag 'epochs'"),
        (["--learning_rate=x"], "--learning_rate must be a number, not 'x'"),
        (["--learning_rate="], "--learning_rate must be a number, not ''"),
    ],
)
def test_refuses(arguments, message, values):
    with pytest.raises(UsageError, match=message):
        usage.parse(["program", *arguments], values)


@pytest.mark.parametrize("arguments", [["--flagfile="], ["-flagfile", ""]])
def test_an_empty_flagfile_is_refused(arguments, values):
    with pytest.raises(UsageError, match="--flagfile= names no file"):
        usage.parse(["program", *arguments], values)
