"""Reads flags, and writes what `--help` prints: flags in sections."""

from __future__ import annotations

import contextlib
import inspect
import io
import itertools
import shutil
import textwrap
from collections.abc import Iterable, Mapping, Sequence

from absl import flags

from framework import guesses
from framework.errors import UsageError

HELP_FLAGS = ("--help", "-help", "-h", "-?", "--helpshort", "--helpfull")
_COLUMN = 26
_WIDEST = 100


def requested(argv: Sequence[str]) -> bool:
    """Returns whether a command line asks for help: the program and its arguments."""
    arguments = list(argv[1:])
    if "--" in arguments:
        arguments = arguments[: arguments.index("--")]
    return not set(HELP_FLAGS).isdisjoint(arguments)


def parse(argv: Sequence[str], values: flags.FlagValues) -> list[str]:
    """Reads a command line into flags; returns the program and what is not a flag.

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
    notes = io.StringIO()
    try:
        with contextlib.redirect_stderr(notes):
            rest = values(list(argv))
    except flags.UnrecognizedFlagError as problem:
        name = problem.flagname
        text = guesses.answer(name, _given(name, argv), list(values))
        raise UsageError(text or str(problem)) from None
    except UnicodeError as problem:
        raise UsageError(f"a flagfile is not UTF-8: {problem}") from None
    except (flags.Error, ValueError) as problem:
        raise UsageError(str(problem)) from None
    if "circular flagfile" in notes.getvalue():
        # absl only warns, and leaves out what comes after.
        file = notes.getvalue().rpartition(":")[2].strip()
        raise UsageError(f"a flagfile contains itself: {file}")
    return rest


def _given(name: str, argv: Sequence[str]) -> str:
    """Returns the value that a command line gives to an unknown flag, if any."""
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
    """Returns the help of a command.

    Args:
        about: Its description, a docstring.
        values: Its flags. Those that absl defines for itself are left out.
        sections: By heading, names of flags. All others come first, under a heading of
            their own.
        notes: By name of a flag, a further line, such as what it can name.
    """
    sections = {name: list(names) for name, names in (sections or {}).items()}
    listed = {name for names in sections.values() for name in names}
    own = [name for name in _defined(values) if name not in listed]
    if own:
        sections = {"flags of this command": own, **sections}
    lines = [inspect.cleandoc(about or "").strip()]
    for heading, names in sections.items():
        lines += ["", f"{heading}:"]
        for name in names:
            lines.append(_entry(values[name], (notes or {}).get(name, "")))
    lines += ["", "--flagfile=FILE reads flags from a file, one a line."]
    return "\n".join(lines).lstrip()


def _defined(values: flags.FlagValues) -> list[str]:
    """Returns the names of flags other than absl's own, in order of definition."""
    names = []
    for module, defined in values.flags_by_module_dict().items():
        if not module.startswith("absl"):
            names += [flag.name for flag in defined]
    return [name for name in names if name not in ("flagfile", "undefok")]


def _entry(flag: flags.Flag, note: str) -> str:
    """Returns the lines of one flag: name, value, description, default and note."""
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
        max(min(shutil.get_terminal_size().columns, _WIDEST), _COLUMN + 30),
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
