"""Tests of framework/commands/list_names.py."""

import pytest

from framework.commands import list_names
from framework.errors import UsageError
from framework.launch.families import FAMILIES


def test_each_family_has_a_line_with_its_members(capsys):
    list_names.show([])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(FAMILIES)
    for line, (flag, members) in zip(lines, FAMILIES.items(), strict=True):
        assert line.startswith(f"--{flag} ")
        assert all(name in line for name in members)


@pytest.mark.parametrize("word", ["schedule", "schedules"])
def test_a_family_lists_its_members(word, capsys):
    list_names.show([word])
    out = capsys.readouterr().out
    assert "--schedule can name:" in out
    assert all(f"  {name} " in out for name in FAMILIES["schedule"])


def test_a_member_is_described(capsys):
    list_names.show(["losses", "focal"])
    assert "gamma" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["colours"], "there is no family 'colours'; known are dataset, sampling"),
        (["models", "vgg"], "--model has no member 'vgg'; known are "),
        (["models", "cnn", "mlp"], "not 3 names"),
    ],
)
def test_what_is_not_there_is_one_error(arguments, message):
    with pytest.raises(UsageError, match=message):
        list_names.show(arguments)
