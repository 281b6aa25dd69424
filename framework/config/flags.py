"""Command-line flags of the config: defines, parses and writes them."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Mapping, Sequence

from absl import flags

from framework.config import guesses, usage
from framework.config.config import Config, field_types
from framework.config.fields import GROUPS
from framework.errors import UsageError

# Flags that hold for a single call: a resumed run must not repeat them.
_SINGLE_CALL = ("fresh", "allow_config_change", "allow_data_change", "diagnose")
_DEFINE = {
    str: flags.DEFINE_string,
    int: flags.DEFINE_integer,
    float: flags.DEFINE_float,
    bool: flags.DEFINE_boolean,
}


def define(defaults: Config, values: flags.FlagValues = flags.FLAGS) -> None:
    """Defines a flag for each field of the config.

    Args:
        defaults: The default values.
        values: The flags to add to.
    """
    for field in dataclasses.fields(Config):
        default, text = getattr(defaults, field.name), field.metadata["help"]
        if field.metadata["choices"]:
            choices = list(field.metadata["choices"])
            flags.DEFINE_enum(field.name, default, choices, text, flag_values=values)
        else:
            define_flag = _DEFINE[field_types()[field.name]]
            define_flag(field.name, default, text, flag_values=values)


def help_text(
    about: str | None,
    notes: Mapping[str, str],
    values: flags.FlagValues = flags.FLAGS,
) -> str:
    """Returns the text of `--help`: the config's flags by group, and all others.

    Args:
        about: The program's description, a docstring.
        notes: Additional lines by flag.
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
        arguments: The program's name and its arguments.
        values: The flags.

    Returns:
        The program's name.

    Raises:
        UsageError: An unknown flag, a value of the wrong type, or an argument that is
            not a flag.
    """
    positional = usage.parse(arguments, values)
    if len(positional) > 1:
        word = positional[1]
        is_path = guesses.path(word, ())
        hint = f", as in --dataset={guesses.reader(word)}" if is_path else ""
        raise UsageError(f"{word!r} is not a flag: flags are --name=value{hint}")
    return positional


def read(values: flags.FlagValues = flags.FLAGS) -> Config:
    """Returns the config of the parsed flags.

    Raises:
        UsageError: A value is out of range.
    """
    names = [field.name for field in dataclasses.fields(Config)]
    return Config(**{name: values[name].value for name in names})


def flagfile(config: Config) -> str:
    """Returns the text of a `--flagfile` that gives this config.

    It leaves out flags of a single call: a repeated --fresh would move the run aside.

    >>> "--batch_size=64" in flagfile(Config(batch_size=64)).splitlines()
    True
    """
    lines = []
    for field in dataclasses.fields(config):
        if field.name in _SINGLE_CALL:
            continue
        value = getattr(config, field.name)
        if field_types()[field.name] is bool:
            lines.append(f"--{'' if value else 'no'}{field.name}")
        else:
            lines.append(f"--{field.name}={value}")
    # Config refuses values of several lines, which would be several flags.
    assert all(len(line.splitlines()) == 1 for line in lines)
    return "\n".join(lines) + "\n"


def command(arguments: Sequence[str]) -> str:
    """Returns a command line, quoted for a shell.

    >>> command(["whyflat", "train", "--augment=flip + erase"])
    "whyflat train '--augment=flip + erase'"
    """
    return shlex.join(arguments)
