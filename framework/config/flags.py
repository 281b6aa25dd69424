"""The command line: each field of the config is a flag. Only this file knows absl."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Mapping, Sequence

from absl import flags

from framework.config import guesses, usage
from framework.config.config import GROUPS, Config
from framework.errors import UsageError

_OF_ONE_CALL = ("fresh", "allow_config_change", "allow_data_change", "diagnose")
_DEFINE = {
    "str": flags.DEFINE_string,
    "int": flags.DEFINE_integer,
    "float": flags.DEFINE_float,
    "bool": flags.DEFINE_boolean,
}


def define(defaults: Config, values: flags.FlagValues = flags.FLAGS) -> None:
    """Defines a flag for each field, with its value in `defaults` as the default."""
    for field in dataclasses.fields(Config):
        default, text = getattr(defaults, field.name), field.metadata["help"]
        if field.metadata["choices"]:
            choices = list(field.metadata["choices"])
            flags.DEFINE_enum(field.name, default, choices, text, flag_values=values)
        else:
            define_flag = _DEFINE[field.type]
            define_flag(field.name, default, text, flag_values=values)


def help_text(
    about: str | None,
    notes: Mapping[str, str],
    values: flags.FlagValues = flags.FLAGS,
) -> str:
    """Returns what `--help` prints: the flags of the config by group, and all others.

    Args:
        about: What the program does, a docstring.
        notes: By flag, a further line.
        values: The flags.
    """
    sections: dict[str, list[str]] = {group: [] for group in GROUPS}
    for field in dataclasses.fields(Config):
        sections[field.metadata["group"]].append(field.name)
    return usage.text(about, values, sections, notes)


def parse(
    arguments: Sequence[str], values: flags.FlagValues = flags.FLAGS
) -> list[str]:
    """Parses a command line.

    Args:
        arguments: The program's name and what follows it.
        values: The flags.

    Returns:
        The program's name; nothing else may be left over.

    Raises:
        UsageError: An unknown flag, a value of the wrong type, or a stray word.
    """
    rest = usage.parse(arguments, values)
    if len(rest) > 1:
        path = guesses.path(rest[1], ())
        hint = f", as in --dataset={guesses.reader(rest[1])}" if path else ""
        raise UsageError(f"{rest[1]!r} is not a flag: flags are --name=value{hint}")
    return rest


def read(values: flags.FlagValues = flags.FLAGS) -> Config:
    """Returns the config that the parsed flags describe.

    Raises:
        UsageError: A value that no run could use.
    """
    names = [field.name for field in dataclasses.fields(Config)]
    return Config(**{name: values[name].value for name in names})


def flagfile(config: Config) -> str:
    """Returns a text that `--flagfile` turns into this config again.

    It leaves out what holds for one call only: another one must not move the run aside.
    """
    lines = []
    for field in dataclasses.fields(config):
        if field.name in _OF_ONE_CALL:
            continue
        value = getattr(config, field.name)
        if field.type == "bool":
            lines.append(f"--{'' if value else 'no'}{field.name}")
        else:
            lines.append(f"--{field.name}={value}")
    # Config refuses values of more than one line, which would be flags of their own.
    assert all(len(line.splitlines()) == 1 for line in lines)
    return "\n".join(lines) + "\n"


def command(arguments: Sequence[str]) -> str:
    """Returns a command line as one would type it into a shell."""
    return shlex.join(arguments)
