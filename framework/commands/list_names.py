"""Lists what specs can name: schedules, augmentations, models and so on.

whyflat list
whyflat list schedules
whyflat list schedules cosine
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from framework.config import command
from framework.errors import UsageError
from framework.launch import families


def show(arguments: list[str]) -> None:
    """Prints the families, the members of one, or the arguments of a member.

    Args:
        arguments: The arguments that are not flags: a family and a member, or less.

    Raises:
        UsageError: There is no such family or member, or there are more arguments.
    """
    if len(arguments) > 2:
        raise UsageError(
            f"give a family and a member, as in `whyflat list schedules cosine`, not "
            f"{len(arguments)} names"
        )
    if not arguments:
        print(overview())
        return
    flag, *members = _flag(arguments[0]), *arguments[1:]
    print(families.answer(flag, f"help({members[0]!r})" if members else "help"))


def overview() -> str:
    """Returns a line for each family, with the flag whose spec names its members.

    >>> overview().splitlines()[5]
    '--optimizer  adagrad, adam, adamw, lion, nadam, rmsprop, sgd'
    """
    width = max(map(len, families.FAMILIES))
    return "\n".join(
        f"--{flag:{width}}  {', '.join(sorted(members))}"
        for flag, members in families.FAMILIES.items()
    )


def _flag(word: str) -> str:
    """Returns the flag of a family, by its name or its plural.

    >>> _flag("schedules"), _flag("normalizations"), _flag("metric")
    ('schedule', 'normalize', 'metrics')
    """
    for flag in families.FAMILIES:
        # A plural or a noun differs in its last letters.
        if word.startswith(flag[:-1]):
            return flag
    known = ", ".join(families.FAMILIES)
    raise UsageError(f"there is no family {word!r}; known are {known}")


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Parses the command line, runs the command, and exits."""
    command.run(show, argv)
