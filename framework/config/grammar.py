"""The grammar of specs: `name(arg=literal, ...)`, joined by `+` and `*`.

Calls are joined by `+` (then) and `*` (product). Arguments are literals, or lengths
with a unit: `10ep`, `5%`. A name is a member of the family, or `module:name` for a
user's own function or class. Python's `ast` module parses specs; nothing is ever
evaluated or imported.
"""

from __future__ import annotations

import ast
import bisect
import dataclasses
import math
import re
from collections.abc import Callable
from typing import Any, TypeVar

from framework.errors import UsageError

# A quoted string; a length with its unit; the start of a comment; or the colon of a
# reference.
_TOKEN = re.compile(
    r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
    r"""|((?<![\w.])(?:\d+\.?\d*|\.\d+)(?:ep\b|%))"""
    r"""|(\#)"""
    r"""|((?<=\w):(?=[^\W\d]))"""
)
_REFERENCE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")
# Limits of a spec, well below those of Python's parser.
_MAX_CHARACTERS = 10_000
_MAX_CALLS = 100
_MAX_DEPTH = 50
_MAX_INTEGER = 2**63
_LITERALS = (bool, int, float, str, type(None), tuple, list, dict)
_OPERATORS = {ast.Add: "+", ast.Mult: "*"}
_T = TypeVar("_T")


@dataclasses.dataclass(frozen=True)
class Call:
    """One `name(...)` of a spec.

    Attributes:
        name: The name of a member, or module:name.
        args: The positional arguments.
        kwargs: The keyword arguments.
        text: The whole spec.
        column: The 0-based column of `text` at which the call begins.
    """

    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    text: str
    column: int


@dataclasses.dataclass(frozen=True)
class Join:
    """Two parts of a spec joined by an operator.

    Attributes:
        operator: "+" or "*".
        left: The part before the operator.
        right: The part after the operator.
    """

    operator: str
    left: Call | Join
    right: Call | Join


def parse(text: str) -> Call | Join:
    """Parses a spec into a tree of calls.

    >>> parse("warmup(5%) + cosine").operator
    '+'
    >>> parse("warmup(5%)").args
    ('5%',)

    Raises:
        UsageError: The text does not follow the grammar; a caret marks the place.
    """
    return _Parser(text).parse()


def assignments(text: str) -> dict[str, Any]:
    """Parses `name=value, ...`, whose values are literals or calls.

    >>> values = assignments("batch_size=[32, 64], learning_rate=log(1e-4, 1e-1)")
    >>> values["batch_size"], values["learning_rate"].args
    ([32, 64], (0.0001, 0.1))

    Returns:
        The values by name, in order; a `Call` for a call.

    Raises:
        UsageError: The text does not follow the grammar; a caret marks the place.
    """
    return _Parser(text).assignments()


def error(text: str, column: int, message: str) -> UsageError:
    """Returns an error that marks a column of a spec with a caret.

    Args:
        text: The spec.
        column: The 0-based column.
        message: What is wrong.
    """
    return UsageError(f"{message}\n    {text}\n    {' ' * column}^")


class _Parser:
    """Parses one spec.

    Lengths are quoted before Python parses the text, which shifts columns.

    Args:
        text: The spec.
    """

    def __init__(self, text: str):
        self.text = text
        # The ends of quoted lengths, and the number of characters that quoting added.
        self._ends: list[int] = []
        self._shifts: list[int] = []

    def parse(self) -> Call | Join:
        """Returns the tree of calls."""
        return self._parsed("", "", self._node)

    def assignments(self) -> dict[str, Any]:
        """Returns values by name."""
        # To Python, they are the arguments of a call.
        return self._parsed("_(", ")", self._assigned)

    def _parsed(self, before: str, after: str, read: Callable[[ast.expr], _T]) -> _T:
        """Reads the tree of the text, with something before and after it."""
        if "\n" in self.text or "\r" in self.text:
            raise UsageError(f"a spec must be a single line, not {self.text!r}")
        if len(self.text) > _MAX_CHARACTERS:
            raise UsageError(
                f"a spec has at most {_MAX_CHARACTERS:,} characters, not "
                f"{len(self.text):,}"
            )
        source = _TOKEN.sub(self._to_python, self.text)
        # Leading spaces would be indentation to Python.
        self._margin = len(source) - len(source.lstrip()) - len(before)
        self._source = f"{before}{source.strip()}{after}"
        try:
            tree = ast.parse(self._source, mode="eval").body
            self._check_size(tree)
            return read(tree)
        except SyntaxError as problem:
            column = self._column((problem.offset or 1) - 1)
            raise error(self.text, column, f"cannot be read: {problem.msg}") from None
        except UsageError:
            raise
        except (ValueError, MemoryError, RecursionError) as problem:
            raise error(self.text, 0, f"cannot be read: {problem}") from None

    def _check_size(self, tree: ast.expr) -> None:
        """Raises UsageError if a spec has too many parts or too much nesting."""
        joins = sum(isinstance(node, ast.BinOp) for node in ast.walk(tree))
        if joins >= _MAX_CALLS:
            message = f"a spec has at most {_MAX_CALLS} parts, not {joins + 1}"
            raise error(self.text, 0, message)
        # A long sum is nested for Python, but not for its writer.
        pending: list[tuple[ast.AST, int]] = [(tree, 0)]
        while pending:
            node, depth = pending.pop()
            if depth > _MAX_DEPTH:
                raise error(self.text, 0, f"is nested more than {_MAX_DEPTH} deep")
            depth += not isinstance(node, ast.BinOp)
            pending += [(child, depth) for child in ast.iter_child_nodes(node)]

    def _to_python(self, match: re.Match[str]) -> str:
        """Rewrites a token as Python: quotes a length, makes a colon a dot."""
        if match[3]:
            raise error(self.text, match.start(), "a spec cannot have a comment, '#'")
        if match[1]:
            return match[1]
        if match[4]:
            return "."
        quoted = f"'{match[2]}'"
        added = sum(self._shifts)
        self._ends.append(match.end() + added)
        self._shifts.append(len(quoted) - len(match[2]))
        return quoted

    def _column(self, column: int) -> int:
        """Converts a column of the rewritten text to one of the user's text."""
        column += self._margin
        column -= sum(self._shifts[: bisect.bisect_left(self._ends, column)])
        # A bracket that nothing closes may be the one before the text.
        return max(column, 0)

    def _place(self, node: ast.expr | ast.keyword) -> int:
        """Returns the column of the user's text at which a node begins."""
        # Python counts bytes here.
        before = self._source.encode()[: node.col_offset]
        return self._column(len(before.decode()))

    def _node(self, node: ast.expr) -> Call | Join:
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            operator = _OPERATORS[type(node.op)]
            return Join(operator, self._node(node.left), self._node(node.right))
        if isinstance(node, ast.Call):
            return self._call(node)
        name = self._name(node)
        return Call(name, (), {}, self.text, self._place(node))

    def _call(self, node: ast.Call) -> Call:
        args = tuple(self._literal(value) for value in node.args)
        kwargs = self._keywords(node, self._literal)
        name = self._name(node.func)
        return Call(name, args, kwargs, self.text, self._place(node))

    def _assigned(self, node: ast.expr) -> dict[str, Any]:
        # A bracket of the text may have closed the one before it.
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            raise error(self.text, 0, "expected name=value, ...")
        if node.args:
            raise self._error(node.args[0], "expected name=value")
        return self._keywords(node, self._value)

    def _value(self, node: ast.expr) -> Any:
        return self._call(node) if isinstance(node, ast.Call) else self._literal(node)

    def _keywords(
        self, node: ast.Call, read: Callable[[ast.expr], Any]
    ) -> dict[str, Any]:
        """Returns the keyword arguments of a call, whose values are read so."""
        values: dict[str, Any] = {}
        for keyword in node.keywords:
            if keyword.arg is None:
                raise self._error(keyword.value, "a spec cannot have '**'")
            if keyword.arg in values:
                raise self._error(keyword, f"{keyword.arg} is given twice")
            values[keyword.arg] = read(keyword.value)
        return values

    def _name(self, node: ast.expr) -> str:
        if isinstance(node, ast.Name):
            return node.id
        if isinstance(node, ast.Attribute):
            # Only the user's own text shows which of the dots was a colon.
            start = self._place(node)
            source = self._source.encode()[node.col_offset : node.end_col_offset]
            name = self.text[start : start + len(source.decode())]
            if _REFERENCE.fullmatch(name):
                return name
            if re.fullmatch(r"[\w.]+", name):
                module, _, member = name.rpartition(".")
                raise self._error(
                    node, f"write your own member as module:name, as {module}:{member}"
                )
        raise self._error(node, "expected a name(...)")

    def _literal(self, node: ast.expr) -> Any:
        try:
            value = ast.literal_eval(node)
        except (ValueError, TypeError):
            value = ...
        problem = _argument_error(value)
        if problem:
            raise self._error(node, problem)
        return value

    def _error(self, node: ast.expr | ast.keyword, message: str) -> UsageError:
        return error(self.text, self._place(node), message)


def _argument_error(value: Any) -> str:
    """Returns why a value cannot be an argument; "" if it can."""
    if not isinstance(value, _LITERALS):
        return "an argument must be a number, a string, a tuple or a length"
    if isinstance(value, int) and abs(value) > _MAX_INTEGER:
        return "an integer must fit into 64 bits"
    if isinstance(value, float) and not math.isfinite(value):
        return f"a number must be finite, not {value}"
    if isinstance(value, dict):
        value = [*value.keys(), *value.values()]
    if isinstance(value, (tuple, list)):
        return next(filter(None, map(_argument_error, value)), "")
    return ""
