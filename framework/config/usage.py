"""Parses flags, and formats the text of `--help`."""

from __future__ import annotations

import contextlib
import inspect
import io
import itertools
import re
import shutil
import textwrap
from collections.abc import Iterable, Mapping, Sequence

from absl import flags

from framework.config import guesses
from framework.errors import UsageError

HELP_FLAGS = ("--help", "-help", "-h", "-?", "--helpshort", "--helpfull")
# The words of absl and of Python for a text that is no number.
_ILLEGAL_NUMBER = re.compile(
    r"flag --(\w+)=(.*): (invalid literal for int|could not convert string to float).*",
    re.DOTALL,
)
# Descriptions start at this column, and end at most at the second.
_COLUMN = 26
_MAX_WIDTH = 100


def requested(argv: Sequence[str]) -> bool:
    """Returns whether a command line asks for help.

    Args:
        argv: The program's name and its arguments.
    """
    arguments = list(argv[1:])
    if "--" in arguments:
        arguments = arguments[: arguments.index("--")]
    return not set(HELP_FLAGS).isdisjoint(arguments)


def parse(argv: Sequence[str], values: flags.FlagValues) -> list[str]:
    """Parses a command line into flags.

    Args:
        argv: The program's name and its arguments.
        values: The flags to set.

    Returns:
        The program's name and the arguments that are not flags.

    Raises:
        UsageError: An unknown flag, a value of the wrong type, or a flagfile that
            cannot be read or contains itself.
    """
    for argument, following in itertools.pairwise([*argv[1:], "-"]):
        name, equals, value = argument.lstrip("-").partition("=")
        is_empty = not (value if equals else following)
        if argument.startswith("-") and name == "flagfile" and is_empty:
            # absl ignores it silently.
            raise UsageError("--flagfile= names no file")
    warnings = io.StringIO()
    try:
        with contextlib.redirect_stderr(warnings):
            positional: list[str] = values(list(argv))
    except flags.UnrecognizedFlagError as problem:
        name = problem.flagname
        text = guesses.answer(name, _given(name, argv), list(values))
        raise UsageError(text or str(problem)) from None
    except UnicodeError as problem:
        raise UsageError(f"a flagfile is not UTF-8: {problem}") from None
    except flags.IllegalFlagValueError as problem:
        raise UsageError(_not_a_number(str(problem)) or str(problem)) from None
    except (flags.Error, ValueError) as problem:
        raise UsageError(str(problem)) from None
    if "circular flagfile" in warnings.getvalue():
        # absl only warns, and ignores the rest of the file.
        file = warnings.getvalue().rpartition(":")[2].strip()
        raise UsageError(f"a flagfile contains itself: {file}")
    return positional


def _not_a_number(message: str) -> str:
    """Returns the error for a flag's value that is no number; "" if it is another."""
    match = _ILLEGAL_NUMBER.fullmatch(message)
    if not match:
        return ""
    kind = "an integer" if match[3].startswith("invalid literal") else "a number"
    return f"--{match[1]} must be {kind}, not {match[2]!r}"


def _given(name: str, argv: Sequence[str]) -> str:
    """Returns the value of an unknown flag in a command line; "" if it has none."""
    for argument, following in zip(argv, [*argv[1:], "-"], strict=True):
        flag, equals, value = argument.lstrip("-").partition("=")
        if argument.startswith("-") and flag == name:
            return value if equals or following.startswith("-") else following
    return ""


def text(
    about: str | None,
    values: flags.FlagValues,
    sections: Mapping[str, Iterable[str]] | None = None,
    notes: Mapping[str, str] | None = None,
) -> str:
    """Returns the text of a command's `--help`.

    Args:
        about: The command's description, a docstring.
        values: Its flags; those of absl itself are left out.
        sections: Names of flags by heading. All other flags come first, under their own
            heading.
        notes: Additional lines by flag, such as the members of its family.
    """
    sections = {name: list(names) for name, names in (sections or {}).items()}
    in_sections = {name for names in sections.values() for name in names}
    own = [name for name in _defined(values) if name not in in_sections]
    if own:
        sections = {"flags of this command": own, **sections}
    lines = [inspect.cleandoc(about or "").strip()]
    for heading, names in sections.items():
        lines += ["", f"{heading}:"]
        for name in names:
            lines.append(_entry(values[name], (notes or {}).get(name, "")))
    lines += ["", "--flagfile=FILE reads flags from a file, one per line."]
    return "\n".join(lines).lstrip()


def _defined(values: flags.FlagValues) -> list[str]:
    """Returns the names of all flags but absl's own, in order of definition."""
    names: list[str] = []
    for module, defined in values.flags_by_module_dict().items():
        if not module.startswith("absl"):
            names += [flag.name for flag in defined]
    return [name for name in names if name not in ("flagfile", "undefok")]


def _entry(flag: flags.Flag, note: str) -> str:
    """Formats a flag: name, value, description, default and note."""
    description = flag.help
    if isinstance(flag, flags.EnumFlag):
        # absl repeats the values here.
        description = description.partition(">: ")[2]
    if flag.default is not None:
        description += f" (default: {_default(flag)})"
    wrapped = _wrapped(description) + _wrapped(note)
    head = f"  {_written(flag)}"
    if len(head) + 2 <= _COLUMN:
        return "\n".join([head.ljust(_COLUMN) + wrapped[0].lstrip(), *wrapped[1:]])
    return "\n".join([head, *wrapped])


def _wrapped(description: str) -> list[str]:
    column = " " * _COLUMN
    return textwrap.wrap(
        description,
        max(min(shutil.get_terminal_size().columns, _MAX_WIDTH), _COLUMN + 30),
        initial_indent=column,
        subsequent_indent=column,
        break_on_hyphens=False,
    )


def _written(flag: flags.Flag) -> str:
    if isinstance(flag, flags.BooleanFlag):
        return f"--[no]{flag.name}"
    if isinstance(flag, flags.EnumFlag):
        return f"--{flag.name}={'|'.join(flag.parser.enum_values)}"
    kind = {"int": "INT", "float": "FLOAT"}.get(flag.flag_type(), "TEXT")
    return f"--{flag.name}={kind}"


def _default(flag: flags.Flag) -> str:
    if isinstance(flag, flags.BooleanFlag):
        return "on" if flag.default else "off"
    return "none" if flag.default == "" else f"{flag.default}"
