"""Tests of framework/launch/families.py."""

import inspect

import pytest

from framework.errors import UsageError
from framework.launch import families

FAMILIES = families.FAMILIES


@pytest.mark.parametrize("flag", FAMILIES)
def test_help_has_a_line_for_each_member(flag):
    lines = families.answer(flag, "help").splitlines()
    described = dict(
        line.strip().split("  ", 1) for line in lines if line.startswith("  ")
    )
    assert list(described) == list(FAMILIES[flag])
    assert all(described.values())


@pytest.mark.parametrize(
    ("flag", "name"), [(flag, name) for flag in FAMILIES for name in FAMILIES[flag]]
)
def test_help_of_one_member_has_its_arguments_and_its_docstring(flag, name):
    text = families.answer(flag, f"help('{name}')")
    assert text.startswith(f"{name}(")
    assert inspect.getdoc(FAMILIES[flag][name]).splitlines()[0] in text
    written = text.splitlines()[0]
    assert "image_shape" not in written
    assert not written.startswith(f"{name}(t,")


@pytest.mark.parametrize("spec", ["cnn", "helpful:net", "cnn(dense=3)", "helper", ""])
def test_other_specs_ask_for_no_help(spec):
    assert families.answer("model", spec) == ""


def test_notes_list_the_names():
    assert families.notes()["model"].startswith("One of cnn, mlp, resnet, ")
    assert families.notes().keys() == FAMILIES.keys()


def test_what_cannot_be_answered():
    with pytest.raises(UsageError, match="--model has no member 'vgg'; known are cnn"):
        families.answer("model", "help('vgg')")
    with pytest.raises(UsageError, match=r"--dataset='folder\(\"a/b\"\)'"):
        families.answer("dataset", "a/b")
