"""Tests of framework/config/grammar.py."""

import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from framework.config import grammar
from framework.config.grammar import Call, Join
from framework.errors import UsageError


def shape(node):
    """Formats a tree as a spec, without its columns."""
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
        # Within a string, a length is text.
        ("folder('top 5% of 10ep')", ("folder", ("top 5% of 10ep",), {})),
        ('folder("it\'s 5%")', ("folder", ("it's 5%",), {})),
        (r"folder('it\'s 5%')", ("folder", ("it's 5%",), {})),
        ('f("5%", 5%, \'"5%"\')', ("f", ("5%", "5%", '"5%"'), {})),
        # A name may end like a length.
        ("keep5ep", "keep5ep"),
        ("a + b", ("a", "+", "b")),
        ("a + b * c", ("a", "+", ("b", "*", "c"))),
        ("(a + b) * c", (("a", "+", "b"), "*", "c")),
        ("a + b + c", (("a", "+", "b"), "+", "c")),
        ("((a))", "a"),
        ("mine:net", "mine:net"),
        (" a.b.mine:net(3) ", ("a.b.mine:net", (3,), {})),
        ("löwe:näht('a:b', 5%)", ("löwe:näht", ("a:b", "5%"), {})),
        ("a:b + c:d * e", ("a:b", "+", ("c:d", "*", "e"))),
        ("f({'a': 1})", ("f", ({"a": 1},), {})),
    ],
)
def test_parse(text, expected):
    if expected is None:
        with pytest.raises(UsageError):
            grammar.parse(text)
    else:
        assert shape(grammar.parse(text)) == expected


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
        # Quoting lengths for Python must not move the caret.
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
        # Replacing the colon for Python must not move it either.
        ("a:b(5%) + c:d(x)", "x)"),
        ("a(1) + b:c:d(2)", "b:c:d(2)"),
        ("a(1) + b.c(2)", "b.c(2)"),
        ("a(1) + (b).c(2)", "(b).c(2)"),
        ("a : b(1)", ": b(1)"),
        ("a(b:c)", "b:c)"),
        ("a({'b': c:d})", "{'b': c:d})"),
        ("mine:net.part(1)", "mine:net.part(1)"),
        ("a:lambda(1)", "lambda(1)"),
    ],
)
def test_the_caret_marks_the_fault(text, marked):
    with pytest.raises(UsageError) as caught:
        grammar.parse(text)
    assert caret(caught.value) == (text, marked)


@pytest.mark.parametrize("text", ["", "   ", "+", "a +", "* a", "(", "a(,)", "a\0"])
def test_refuses_what_is_no_expression(text):
    with pytest.raises(UsageError, match="cannot be read"):
        grammar.parse(text)


@pytest.mark.parametrize("text", ["a +\nb", "a(\n1)", "a\r(1)", "\na"])
def test_refuses_more_than_a_line(text):
    with pytest.raises(UsageError, match="must be a single line") as caught:
        grammar.parse(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 1000 + "a" + ")" * 1000,
        "+".join(["a"] * 10_000),
        "a(" + "-" * 10_000 + "1)",
        "a(" + "9" * 10_000 + ")",
        "a(" + "(" * 10_000,
        "+".join(["constant(1)"] * 980),
        "*".join(["a"] * 101),
        "a(" + "(" * 51 + "1," + "),(" * 50 + ")" * 2,
        "a(" + "((" * 30 + "1" + ",),)" * 30 + ")",
        "a('" + "x" * 10_000 + "')",
        f"a({2**63 + 1})",
        f"a((1, -{2**63 + 1}))",
        "a(1e999)",
        "a({'b': (1e999,)})",
        ".".join(["a"] * 200) + ":b",
    ],
    ids=lambda text: text[:12],
)
def test_what_is_too_large_is_refused(text):
    with pytest.raises(UsageError):
        grammar.parse(text)


def test_what_is_just_not_too_large():
    assert grammar.parse("+".join(["a"] * 100))
    assert grammar.parse(f"a({2**63}, -{2**63})").args == (2**63, -(2**63))


@pytest.mark.parametrize("text", ["a(b'x')", "a({1})", "a(1j)", "a(...)", "a((1j,))"])
def test_what_is_no_argument(text):
    with pytest.raises(UsageError, match="must be a number, a string, a tuple or a le"):
        grammar.parse(text)


def test_a_dotted_name_is_answered_with_the_way_to_write_it():
    with pytest.raises(UsageError, match=r"module:name, as a\.b:c"):
        grammar.parse("a.b.c(1)")


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
        grammar.parse(text)


# Characters that often give something close to a spec.
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
        node = grammar.parse(text)
    except UsageError:
        return
    assert isinstance(node, (Call, Join))


NAMES = st.text(string.ascii_lowercase, min_size=1, max_size=5).map("n".__add__)
VALUES = st.recursive(
    st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.booleans()
    # No line ends, and no characters that UTF-8 cannot encode.
    | st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=8),
    lambda values: st.lists(values, max_size=3).map(tuple),
    max_leaves=5,
)


@given(NAMES, st.lists(VALUES, max_size=3), st.dictionaries(NAMES, VALUES, max_size=3))
def test_reads_back_any_call(name, args, kwargs):
    given_args = [repr(value) for value in args]
    given_args += [f"{key}={value!r}" for key, value in kwargs.items()]
    call = grammar.parse(f"{name}({', '.join(given_args)})")
    assert (call.name, call.args, call.kwargs) == (name, tuple(args), kwargs)


@given(st.integers(0, 5), st.lists(st.sampled_from(["5%", "'5%'", "10ep", "'ä'", "1"])))
def test_the_caret_stays_right_after_any_arguments(blanks, args):
    text = " " * blanks + f"name({''.join(arg + ', ' for arg in args)}?)"
    with pytest.raises(UsageError) as caught:
        grammar.parse(text)
    assert caret(caught.value) == (text, "?)")


def test_a_call_knows_its_place():
    text = "  warmup(5%) + step(10ep) * cosine('ä')"
    node = grammar.parse(text)
    calls = [node.left, node.right.left, node.right.right]
    for call in calls:
        assert call.text == text
        assert text[call.column :].startswith(call.name)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("a=1", {"a": 1}),
        (" a = [1, 5%] , b='x=2', ", {"a": [1, "5%"], "b": "x=2"}),
        ("a=log(1, 10ep), b=2", {"a": ("log", (1, "10ep"), {}), "b": 2}),
        ("a=mine:numbers(3)", {"a": ("mine:numbers", (3,), {})}),
    ],
)
def test_assignments_are_values_by_name(text, expected):
    values = grammar.assignments(text)
    assert {
        name: shape(value) if isinstance(value, Call) else value
        for name, value in values.items()
    } == expected


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("b", "b"),
        ("a=1, a=2", "a=2"),
        (" a=5ep, b=log(c())", "c())"),
        ("a=5%, b=lambda: 1", "lambda: 1"),
        ("a=1, **b", "b"),
        ("a=1) + (2", "a=1) + (2"),
        ("a=1)(b=2", "a=1)(b=2"),
        ("a=[1", ""),
        ("(", "("),
    ],
)
def test_what_is_no_assignment_is_marked(text, at):
    with pytest.raises(UsageError) as error:
        grammar.assignments(text)
    assert caret(error.value) == (text, at)
