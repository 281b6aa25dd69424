"""Tests of framework/spec.py."""

import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from framework import spec
from framework.durations import Duration
from framework.errors import UsageError
from framework.spec import Call, Join

THIRD = Duration(30, "%")


def rotate(degrees=20.0, fill: str = "edge"):
    return ("rotate", degrees, fill)


def shift(by, every: Duration = THIRD):
    if by > 1:
        raise ValueError(f"by must be at most 1, not {by}")
    return ("shift", by, every)


TABLE = {"rotate": rotate, "shift": shift}


def shape(node):
    """Returns a tree without its places, as one writes it."""
    if isinstance(node, Join):
        return (shape(node.left), node.operator, shape(node.right))
    return (
        (node.name, node.args, node.kwargs) if node.args or node.kwargs else node.name
    )


def caret(problem):
    """Returns the line that a message quotes, and the text above its caret."""
    message, quoted, mark = str(problem).split("\n")
    assert message
    assert quoted[:4] == mark[:4] == "    "
    assert mark.strip() == "^"
    return quoted[4:], quoted[len(mark) - 1 :]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("flip", "flip"),
        ("flip()", "flip"),
        ("  flip ", "flip"),
        ("rotate(20)", ("rotate", (20,), {})),
        ("rotate(-.5)", ("rotate", (-0.5,), {})),
        ("cnn(filters=(32, 64))", ("cnn", (), {"filters": (32, 64)})),
        ("fill(True, None)", ("fill", (True, None), {})),
        ("warmup(5%)", ("warmup", ("5%",), {})),
        ("warmup(2.5 %, .5)", None),
        ("warmup(.5ep)", ("warmup", (".5ep",), {})),
        ("warmup(3.ep)", ("warmup", ("3.ep",), {})),
        ("warmup('5%')", ("warmup", ("5%",), {})),
        ("step(5%, every=10ep)", ("step", ("5%",), {"every": "10ep"})),
        # Within a string a length is only text.
        ("folder('top 5% of 10ep')", ("folder", ("top 5% of 10ep",), {})),
        ('folder("it\'s 5%")', ("folder", ("it's 5%",), {})),
        (r"folder('it\'s 5%')", ("folder", ("it's 5%",), {})),
        ('f("5%", 5%, \'"5%"\')', ("f", ("5%", "5%", '"5%"'), {})),
        # A name may end in what looks like a length.
        ("keep5ep", "keep5ep"),
        ("a + b", ("a", "+", "b")),
        ("a + b * c", ("a", "+", ("b", "*", "c"))),
        ("(a + b) * c", (("a", "+", "b"), "*", "c")),
        ("a + b + c", (("a", "+", "b"), "+", "c")),
        ("((a))", "a"),
    ],
)
def test_parse(text, expected):
    if expected is None:
        with pytest.raises(UsageError):
            spec.parse(text)
    else:
        assert shape(spec.parse(text)) == expected


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("rotate(x)", "x)"),
        ("rotate(20) - flip", "rotate(20) - flip"),
        ("rotate(20) + 3", "3"),
        ("rotate(20) + 'flip'", "'flip'"),
        ("a.b(1)", "a.b(1)"),
        ("a[0]", "a[0]"),
        ("a + b(1)(2)", "b(1)(2)"),
        ("lambda: 1", "lambda: 1"),
        ("a(**{'b': 1})", "{'b': 1})"),
        ("a(*b)", "*b)"),
        ("a(b=1, b=2)", "b=2)"),
        ("a(1 + 2)", "1 + 2)"),
        ("a({[1]: 2})", "{[1]: 2})"),
        ("a(5%, 3 % 2)", "3 % 2)"),
        ("rotate(20", "(20"),
        ("rotate(20))", ")"),
        ("rotate(20;)", ";)"),
        ("rotate(5%;)", ";)"),
        ("flip rotate", "rotate"),
        # Lengths are quoted before Python reads them, which must not move the caret.
        ("warmup(5%) + step(x)", "x)"),
        ("warmup(5%, x)", "x)"),
        ("warmup(5%) + step(10ep, every=.5ep) + cosine(7%, end=x)", "x)"),
        ("warmup(5%)+cosine(10ep)+3", "3"),
        ("  warmup(5%) + step(x)", "x)"),
        ("   rotate(20", "(20"),
        ("\t a(5%, x)", "x)"),
        ("a('5%', 5%, '5% 10ep', x)", "x)"),
        ("a('löwe', x)", "x)"),
        ("  a('löwe 5%', 5%, 'ä', x)", "x)"),
        ("a('löwe', 5%;)", ";)"),
        ("löwe(x)", "x)"),
    ],
)
def test_the_caret_marks_the_fault(text, marked):
    with pytest.raises(UsageError) as caught:
        spec.parse(text)
    assert caret(caught.value) == (text, marked)


@pytest.mark.parametrize("text", ["", "   ", "+", "a +", "* a", "(", "a(,)", "a\0"])
def test_refuses_what_is_no_expression(text):
    with pytest.raises(UsageError, match="cannot be read"):
        spec.parse(text)


@pytest.mark.parametrize("text", ["a +\nb", "a(\n1)", "a\r(1)", "\na"])
def test_refuses_more_than_a_line(text):
    with pytest.raises(UsageError, match="must be a single line") as caught:
        spec.parse(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 1000 + "a" + ")" * 1000,
        "+".join(["a"] * 10_000),
        "a(" + "-" * 10_000 + "1)",
        "a(" + "9" * 10_000 + ")",
        "a(" + "(" * 10_000,
    ],
    ids=["parentheses", "sum", "minus", "digits", "open"],
)
def test_what_is_too_large_is_refused(text):
    with pytest.raises(UsageError):
        spec.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('false')",
        "a(__import__('os'))",
        "a(open('somewhere', 'w'))",
        "a(f'{print(1)}')",
        "a([print(1) for _ in 'x'])",
        "a((lambda: 1)())",
        "(b := a)(1)",
        "a if b else c",
        "exec('1') ** 2",
    ],
)
def test_nothing_is_evaluated(text, monkeypatch):
    def evaluated(*args, **kwargs):
        raise AssertionError("a spec was evaluated")

    for name in ("eval", "exec", "open", "print"):
        monkeypatch.setattr(f"builtins.{name}", evaluated)
    with pytest.raises(UsageError):
        spec.parse(text)


def test_a_dangerous_name_is_only_a_name():
    call = spec.parse("__import__('os')")
    with pytest.raises(UsageError, match="unknown thing '__import__'"):
        spec.build(call, TABLE, "thing")


# Letters out of which something that is nearly a spec comes often.
FRAGMENTS = st.lists(
    st.sampled_from(
        [*"(),=+*'\"\\ a1ä[]{}:;-#\n", "5%", "10ep", ".5", "True", "f'", "b'"]
    ),
    max_size=20,
).map("".join)


@given(st.text(max_size=50) | FRAGMENTS)
@example("a({[]: 1})")
@example("a(\ud800)")
@example('a("\\')
@example("a(1e999%)")
def test_any_text_is_a_spec_or_a_usage_error(text):
    try:
        node = spec.parse(text)
    except UsageError:
        return
    assert isinstance(node, (Call, Join))


NAMES = st.text(string.ascii_lowercase, min_size=1, max_size=5).map("n".__add__)
VALUES = st.recursive(
    st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.booleans()
    # No ends of lines, nor what UTF-8 cannot hold.
    | st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=8),
    lambda values: st.lists(values, max_size=3).map(tuple),
    max_leaves=5,
)


@given(NAMES, st.lists(VALUES, max_size=3), st.dictionaries(NAMES, VALUES, max_size=3))
def test_reads_back_any_call(name, args, kwargs):
    given_args = [repr(value) for value in args]
    given_args += [f"{key}={value!r}" for key, value in kwargs.items()]
    call = spec.single(f"{name}({', '.join(given_args)})")
    assert (call.name, call.args, call.kwargs) == (name, tuple(args), kwargs)


@given(st.integers(0, 5), st.lists(st.sampled_from(["5%", "'5%'", "10ep", "'ä'", "1"])))
def test_the_caret_stays_right_after_any_arguments(blanks, args):
    text = " " * blanks + f"name({''.join(arg + ', ' for arg in args)}?)"
    with pytest.raises(UsageError) as caught:
        spec.parse(text)
    assert caret(caught.value) == (text, "?)")


def test_a_call_knows_its_place():
    text = "  warmup(5%) + step(10ep) * cosine('ä')"
    node = spec.parse(text)
    calls = [node.left, node.right.left, node.right.right]
    for call in calls:
        assert call.text == text
        assert text[call.column :].startswith(call.name)


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
