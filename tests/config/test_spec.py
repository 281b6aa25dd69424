"""Tests of framework/config/spec.py."""

import sys

import pytest

from framework.config import spec
from framework.config.durations import Duration
from framework.errors import UsageError

THIRD = Duration(30, "%")


def rotate(degrees=20.0, fill: str = "edge"):
    return ("rotate", degrees, fill)


def shift(by, every: Duration = THIRD):
    if by > 1:
        raise ValueError(f"by must be at most 1, not {by}")
    return ("shift", by, every)


TABLE = {"rotate": rotate, "shift": shift}


def caret(problem):
    """Returns the line that a message quotes, and the text above its caret."""
    message, quoted, mark = str(problem).split("\n")
    assert message
    assert quoted[:4] == mark[:4] == "    "
    assert mark.strip() == "^"
    return quoted[4:], quoted[len(mark) - 1 :]


def test_a_dangerous_name_is_only_a_name():
    call = spec.parse("__import__('os')")
    with pytest.raises(UsageError, match="unknown thing '__import__'"):
        spec.build(call, TABLE, "thing")


def test_parts_are_in_order():
    assert [call.name for call in spec.parts("a + (b + c) + d")] == list("abcd")
    assert [call.name for call in spec.parts("a * b", "*")] == ["a", "b"]


@pytest.mark.parametrize("text", ["", "  "])
def test_an_empty_spec_has_no_parts(text):
    assert spec.parts(text) == []


def test_parts_refuse_the_other_operator():
    with pytest.raises(UsageError, match=r"only '\+' can join the parts"):
        spec.parts("a + b * c")


def test_single_refuses_two():
    assert spec.single("a(1)").args == (1,)
    with pytest.raises(UsageError, match="must be a single name"):
        spec.single("a + b")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rotat(20)", r"^unknown augmentation 'rotat'; did you mean rotate\?"),
        ("shif", r"did you mean shift\?"),
        ("xyz", "known are rotate, shift\n"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(text, message):
    whole = f"rotate(5%) + {text}"
    call = spec.parse(whole).right
    with pytest.raises(UsageError, match=message) as caught:
        spec.look_up(call, TABLE, "augmentation")
    assert caret(caught.value) == (whole, text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rotate", ("rotate", 20.0, "edge")),
        ("rotate(5, fill='black')", ("rotate", 5, "black")),
        ("shift(.5)", ("shift", 0.5, THIRD)),
    ],
)
def test_build(text, expected):
    assert spec.build(spec.single(text), TABLE, "augmentation") == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rotate(angle=3)", "unexpected keyword argument 'angle'"),
        ("rotate(1, 'edge', 3)", "too many positional arguments"),
        ("rotate(1, degrees=3)", "multiple values for argument 'degrees'"),
        ("rotate(fill=3)", "fill must be str, not 3"),
    ],
)
def test_bad_arguments_are_answered_with_the_signature(text, message):
    with pytest.raises(UsageError, match=message) as caught:
        spec.build(spec.single(text), TABLE, "augmentation")
    assert "its arguments are rotate(degrees=20.0, fill='edge')\n" in str(caught.value)
    assert caret(caught.value) == (text, text)


def test_a_signature_shows_lengths_as_one_types_them():
    with pytest.raises(UsageError, match=r"shift\(by, every=30%\)"):
        spec.build(spec.single("shift"), TABLE, "augmentation")


def test_a_refused_value_is_marked():
    node = spec.parse("rotate + shift(2)")
    with pytest.raises(
        UsageError, match=r"^shift: by must be at most 1, not 2"
    ) as caught:
        spec.build(node.right, TABLE, "augmentation")
    assert caret(caught.value)[1] == "shift(2)"


def test_parameters_that_are_not_the_users_are_not_his_to_set():
    def model(image_shape, num_classes, dense=128):
        raise AssertionError("only its signature is asked for")

    call = spec.single("model(64)")
    assert spec.arguments(call, model, given=2) == {"dense": 64}
    with pytest.raises(UsageError, match=r"its arguments are model\(dense=128\)"):
        spec.arguments(spec.single("model(num_classes=3)"), model, given=2)


def test_references_are_read_but_not_imported():
    text = "b:c(1) + keep + (a.b:c * b:c('x:y'))"
    assert spec.references(text) == ["a.b:c", "b:c"]
    assert spec.references("") == []
    assert [call.name for call in spec.calls(text)] == ["b:c", "keep", "a.b:c", "b:c"]


MINE = """
def double(value: float, by=2):
    return by * value

def fails(how="key"):
    if how == "exit":
        raise SystemExit(0)
    if how == "usage":
        raise UsageError("use it well")
    return {}["x"]

from framework.errors import UsageError
NUMBER = 3
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "mine.py").write_text(MINE)
    yield
    sys.modules.pop("mine", None)


@pytest.mark.usefixtures("mine")
def test_a_member_of_the_users_own():
    assert spec.build(spec.single("mine:double(2, by=3)"), TABLE, "thing") == 6


@pytest.mark.usefixtures("mine")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mine:doubl(2)", "thing mine:doubl: module 'mine' .* did you mean double"),
        (
            "mine:double",
            "missing a required argument: 'value'; its arguments are do",
        ),
        ("mine:double('x')", "value must be float, not 'x'"),
        ("mine:NUMBER", "mine:NUMBER must be a function or class, not int"),
        ("mine:fails", r"^mine:fails: mine\.py:10: KeyError: 'x'\n"),
        ("mine:fails('exit')", r"^mine:fails: mine\.py:7: calls sys\.exit\(0\)\n"),
        ("mine:fails('usage')", r"^mine:fails: use it well\n"),
        ("nowhere:net", "^thing nowhere:net: there is no module 'nowhere'"),
        ("builtins:dict(3)", "has no Python signature; wrap it in a function"),
    ],
)
def test_a_member_of_the_users_own_that_fails(text, message):
    whole = f"rotate + {text}"
    with pytest.raises(UsageError, match=message) as caught:
        spec.build(spec.parse(whole).right, TABLE, "thing")
    assert caret(caught.value) == (whole, text)


def test_takes():
    assert spec.takes(rotate, 2)
    assert not spec.takes(rotate, 3)
    assert not spec.takes(dict, 0)
