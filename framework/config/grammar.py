"""The grammar of specs: `name(arg=literal, ...)`, joined by `+` and `*`.

Calls are joined by `+` (then) and `*` (product). Arguments are literals, or lengths
with a unit: `10ep`, `5%`. A name is that of a member of the family, or `module:name`
for a function or class of the user's own. Python's own parser reads it; nothing is ever
evaluated or imported.
"""

from __future__ import annotations

import ast
import bisect
import dataclasses
import math
import re
from typing import Any

from framework.errors import UsageError

# A quoted string, which stays as it is; a length with its unit; what would begin a
# comment; or the colon of a reference.
_TOKEN = re.compile(
    r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
    r"""|((?<![\w.])(?:\d+\.?\d*|\.\d+)(?:ep\b|%))"""
    r"""|(\#)"""
    r"""|((?<=\w):(?=[^\W\d]))"""
)
_REFERENCE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")
# More than anyone types: beyond it Python's own limits are near, and its messages.
_LONGEST = 10_000
_MOST_PARTS = 100
_DEEPEST = 50
_LARGEST = 2**63
_LITERALS = (bool, int, float, str, type(None), tuple, list, dict)
_OPERATORS = {ast.Add: "+", ast.Mult: "*"}


@dataclasses.dataclass(frozen=True)
class Call:
    """One `name(...)` of a spec.

    Attributes:
        name: What is called: that of a member, or module:name.
        args: The values given by position.
        kwargs: The values given by name.
        text: The whole spec that it stands in.
        column: Where in `text` it begins, from 0.
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
        left: What stands before it.
        right: What stands after it.
    """

    operator: str
    left: Call | Join
    right: Call | Join


def parse(text: str) -> Call | Join:
    """Returns the tree of calls that a spec describes.

    Raises:
        UsageError: It does not follow the grammar; the place is marked by a caret.
    """
    return _Parser(text).parse()


def error(text: str, column: int, message: str) -> UsageError:
    """Returns an error that marks a place of a spec by a caret."""
    return UsageError(f"{message}\n    {text}\n    {' ' * column}^")


class _Parser:
    """Reads one spec."""

    def __init__(self, text: str):
        self.text = text
        self._ends: list[int] = []
        self._shifts: list[int] = []

    def parse(self) -> Call | Join:
        """Returns the tree of calls."""
        if "\n" in self.text or "\r" in self.text:
            raise UsageError(f"a spec must be a single line, not {self.text!r}")
        if len(self.text) > _LONGEST:
            raise UsageError(
                f"a spec has at most {_LONGEST:,} characters, not {len(self.text):,}"
            )
        source = _TOKEN.sub(self._quote_length, self.text)
        # Leading blanks would be an indentation to Python.
        self._margin = len(source) - len(source.lstrip())
        self._source = source.strip()
        try:
            tree = ast.parse(self._source, mode="eval").body
            self._check_size(tree)
            return self._node(tree)
        except SyntaxError as problem:
            column = self._column((problem.offset or 1) - 1)
            raise error(self.text, column, f"cannot be read: {problem.msg}") from None
        except UsageError:
            raise
        except (ValueError, MemoryError, RecursionError) as problem:
            raise error(self.text, 0, f"cannot be read: {problem}") from None

    def _check_size(self, tree: ast.expr) -> None:
        """Refuses more parts than a spec can have, or nested too deeply."""
        joins = sum(isinstance(node, ast.BinOp) for node in ast.walk(tree))
        if joins >= _MOST_PARTS:
            message = f"a spec has at most {_MOST_PARTS} parts, not {joins + 1}"
            raise error(self.text, 0, message)
        # A sum of many is not nested for its writer, only for Python.
        pending = [(tree, 0)]
        while pending:
            node, depth = pending.pop()
            if depth > _DEEPEST:
                raise error(self.text, 0, f"is nested more than {_DEEPEST} deep")
            depth += not isinstance(node, ast.BinOp)
            pending += [(child, depth) for child in ast.iter_child_nodes(node)]

    def _quote_length(self, match: re.Match[str]) -> str:
        """Makes a string of a length with its unit, which Python could not read.

        And a dot, which it can, of the colon of a reference.
        """
        if match[3]:
            raise error(self.text, match.start(), "'#' has no place in a spec")
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
        """Returns where in the user's text a column of the quoted text is."""
        column += self._margin
        return column - sum(self._shifts[: bisect.bisect_left(self._ends, column)])

    def _place(self, node: ast.expr | ast.keyword) -> int:
        """Returns where in the user's text a node begins."""
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
        kwargs = {}
        for keyword in node.keywords:
            if keyword.arg is None:
                raise self._error(keyword.value, "'**' has no place in a spec")
            if keyword.arg in kwargs:
                raise self._error(keyword, f"{keyword.arg} is given twice")
            kwargs[keyword.arg] = self._literal(keyword.value)
        name = self._name(node.func)
        return Call(name, args, kwargs, self.text, self._place(node))

    def _name(self, node: ast.expr) -> str:
        if isinstance(node, ast.Name):
            return node.id
        if isinstance(node, ast.Attribute):
            # Which of its dots was a colon, only the user's own text tells.
            start = self._place(node)
            source = self._source.encode()[node.col_offset : node.end_col_offset]
            name = self.text[start : start + len(source.decode())]
            if _REFERENCE.fullmatch(name):
                return name
            if re.fullmatch(r"[\w.]+", name):
                module, _, member = name.rpartition(".")
                raise self._error(
                    node, f"a member of your own is module:name, as {module}:{member}"
                )
        raise self._error(node, "expected a name(...)")

    def _literal(self, node: ast.expr) -> Any:
        try:
            value = ast.literal_eval(node)
        except (ValueError, TypeError):
            value = ...
        problem = _unfit(value)
        if problem:
            raise self._error(node, problem)
        return value

    def _error(self, node: ast.expr | ast.keyword, message: str) -> UsageError:
        return error(self.text, self._place(node), message)


def _unfit(value: Any) -> str:
    """Returns why a value cannot be an argument; "" if it can."""
    if not isinstance(value, _LITERALS):
        return "an argument must be a number, a string, a tuple or a length"
    if isinstance(value, int) and abs(value) > _LARGEST:
        return "a whole number must fit into 64 bits"
    if isinstance(value, float) and not math.isfinite(value):
        return f"a number must be finite, not {value}"
    if isinstance(value, dict):
        value = [*value.keys(), *value.values()]
    if isinstance(value, (tuple, list)):
        return next(filter(None, map(_unfit, value)), "")
    return ""
