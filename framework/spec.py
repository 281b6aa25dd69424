"""The one grammar for all that can be plugged in: `name(arg=literal, ...)`.

Calls are joined by `+` (then) and `*` (product). Arguments are literals, or lengths
with a unit: `10ep`, `5%`. A name is that of a member of the family, or `module:name`
for a function or class of the user's own. Python's own parser reads it; nothing is ever
evaluated, and nothing imported before the member is looked up.
"""

from __future__ import annotations

import ast
import bisect
import dataclasses
import difflib
import inspect
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from framework import reference
from framework.errors import RunError, UsageError

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
# What a literal may be for a hint. A length is a number or, with a unit, a string.
_TYPES = {
    "bool": (bool,),
    "int": (int,),
    "float": (int, float),
    "str": (str,),
    "None": (type(None),),
    "Duration": (int, float, str),
}
_COLLECTION = re.compile(r"(?:Sequence|tuple|list)\[(.*)\]")
# Not one within brackets.
_OUTER_BAR = re.compile(r"\|(?![^\[]*\])")
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


def parts(text: str, operator: str = "+") -> list[Call]:
    """Returns the calls of a spec that knows one operator only; none if it is empty.

    Raises:
        UsageError: It does not follow the grammar, or has another operator.
    """

    def flatten(node: Call | Join) -> list[Call]:
        if isinstance(node, Call):
            return [node]
        if node.operator != operator:
            raise error(text, 0, f"only {operator!r} can join the parts of this spec")
        return flatten(node.left) + flatten(node.right)

    return flatten(parse(text)) if text.strip() else []


def single(text: str) -> Call:
    """Returns the call of a spec that is just one.

    Raises:
        UsageError: It does not follow the grammar, or is not one call.
    """
    node = parse(text)
    if isinstance(node, Join):
        raise error(text, 0, "this must be a single name(...), with no '+' or '*'")
    return node


def written(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    """Returns the spec of a call: what `single` would read as such."""
    shown = [repr(value) for value in args]
    shown += [f"{key}={value!r}" for key, value in kwargs.items()]
    return f"{name}({', '.join(shown)})"


def references(text: str) -> list[str]:
    """Returns each module:name in a spec, sorted; nothing is imported.

    Raises:
        UsageError: It does not follow the grammar.

    Example:
        >>> references("warmup(5%) + mine.schedules:sine(3)")
        ['mine.schedules:sine']
    """
    return sorted({call.name for call in calls(text) if ":" in call.name})


def calls(text: str) -> list[Call]:
    """Returns all calls of a spec in their order; none if it is empty.

    Raises:
        UsageError: It does not follow the grammar.
    """

    def flatten(node: Call | Join) -> list[Call]:
        if isinstance(node, Call):
            return [node]
        return flatten(node.left) + flatten(node.right)

    return flatten(parse(text)) if text.strip() else []


def error(text: str, column: int, message: str) -> UsageError:
    """Returns an error that marks a place of a spec by a caret."""
    return UsageError(f"{message}\n    {text}\n    {' ' * column}^")


def look_up(call: Call, table: Mapping[str, Any], family: str) -> Any:
    """Returns what the name of a call stands for in the table of its family.

    A name with a colon is imported.

    Raises:
        UsageError: No such name, and the nearest known ones are offered; or the
            user's own module fails, or its member cannot be called.
    """
    if call.name in table:
        return table[call.name]
    if ":" in call.name:
        return _loaded(call, family)
    near = difflib.get_close_matches(call.name, table, n=3, cutoff=0.5)
    known = "did you mean" if near else "known are"
    names = ", ".join(near or sorted(table))
    mark = "?" if near else ""
    message = f"unknown {family} {call.name!r}; {known} {names}{mark}"
    raise error(call.text, call.column, message)


def arguments(
    call: Call, function: Callable[..., Any], given: int = 0
) -> dict[str, Any]:
    """Returns the arguments of a call by their names in `function`.

    Args:
        call: The call.
        function: What it stands for, a function or a class.
        given: How many of the first parameters are not the user's to set.

    Raises:
        UsageError: They do not fit the parameters, which are then listed.
    """
    free = _parameters(call, function)[given:]
    bare = [parameter.replace(annotation=parameter.empty) for parameter in free]
    signature = inspect.Signature(bare)
    try:
        values = dict(signature.bind(*call.args, **call.kwargs).arguments)
        for parameter in free:
            if parameter.name in values:
                _check_type(parameter, values[parameter.name])
    except TypeError as problem:
        usage = f"{call.name}{signature}"
        message = f"{call.name}: {problem}; its arguments are {usage}"
        raise error(call.text, call.column, message) from None
    return values


def build(call: Call, table: Mapping[str, Any], family: str) -> Any:
    """Returns what a call makes: `table[name](*args, **kwargs)`.

    Raises:
        UsageError: The name is unknown, or the arguments are wrong.
    """
    function = look_up(call, table, family)
    values = arguments(call, function)
    try:
        if ":" in call.name:
            return reference.call(function, call.name, **values)
        return function(**values)
    except RunError:
        raise
    except UsageError as problem:
        message = str(problem) if ":" in call.name else f"{call.name}: {problem}"
        raise error(call.text, call.column, message) from problem
    except (TypeError, ValueError, ArithmeticError) as problem:
        message = f"{call.name}: {problem}"
        raise error(call.text, call.column, message) from problem


def require(call: Call, condition: bool, what: str) -> None:
    """Refuses a member that does not have its family's interface.

    Args:
        call: The call that names it.
        condition: Whether it has.
        what: What it must be.

    Raises:
        UsageError: It has not.
    """
    if not condition:
        raise error(call.text, call.column, f"{call.name} must be {what}")


def takes(function: Callable[..., Any], count: int) -> bool:
    """Returns whether a function can be called with so many positional arguments."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    named = [parameter for parameter in parameters if parameter.kind in kinds]
    return len(named) >= count


def _loaded(call: Call, family: str) -> Any:
    """Returns a member of the user's own."""
    try:
        member = reference.load(call.name)
    except UsageError as problem:
        raise error(call.text, call.column, f"{family} {problem}") from problem
    is_callable = callable(member)
    require(call, is_callable, f"a function or class, not {type(member).__name__}")
    return member


def _parameters(call: Call, function: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        message = f"{call.name} has no Python signature; wrap it in a function"
        raise error(call.text, call.column, message) from None


def _check_type(parameter: inspect.Parameter, value: Any) -> None:
    """Refuses a value that is not of the type a parameter is hinted with.

    Hints are read as text: evaluating them would import what they name.

    Raises:
        TypeError: It is of another type.
    """
    hint = parameter.annotation
    if hint is parameter.empty:
        return
    text = hint if isinstance(hint, str) else getattr(hint, "__name__", str(hint))
    options = [option.strip() for option in _OUTER_BAR.split(text)]
    if not any(_fits(value, option) for option in options):
        raise TypeError(f"{parameter.name} must be {text}, not {value!r}")


def _fits(value: Any, hint: str) -> bool:
    """Returns whether a value is of a hinted type; of an unknown one all are."""
    if isinstance(value, float) and not math.isfinite(value):
        return False
    if hint in _TYPES:
        return type(value) in _TYPES[hint]
    collection = _COLLECTION.fullmatch(hint)
    if not collection:
        return True
    items = [item.strip() for item in collection[1].split(",")]
    return isinstance(value, (tuple, list)) and all(
        _fits(element, items[0]) for element in value
    )


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
        # Without recursion, and sums are not nested for their writer.
        level, depth = [tree], 0
        while level:
            depth += not all(isinstance(node, ast.BinOp) for node in level)
            if depth > _DEEPEST:
                raise error(self.text, 0, f"is nested more than {_DEEPEST} deep")
            level = [child for node in level for child in ast.iter_child_nodes(node)]

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
