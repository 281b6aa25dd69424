"""The families that spec flags name, for `--help` and for `--model=help`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

from framework import augment, data, models, schedules
from framework.augment import normalize
from framework.config import guesses, spec
from framework.errors import UsageError
from framework.optim import optimizers

# By the flag whose spec names their members.
FAMILIES: dict[str, Mapping[str, Callable[..., Any]]] = {
    "dataset": data.DATASETS,
    "augment": augment.AUGMENTATIONS,
    "normalize": normalize.NORMALIZATIONS,
    "model": models.MODELS,
    "optimizer": optimizers.OPTIMIZERS,
    "schedule": schedules.SCHEDULES,
}
_HELP = "help"
_REQUEST = re.compile(rf"\s*{_HELP}\s*(?:\(|$)")


def notes() -> dict[str, str]:
    """Returns, by flag, a line that lists what its spec can name."""
    return {
        flag: f"One of {', '.join(family)}. --{flag}={_HELP} describes them."
        for flag, family in FAMILIES.items()
    }


def answer(flag: str, text: str) -> str:
    """Returns the help that a spec asks for, or an empty text if it asks for none.

    Args:
        flag: A key of `FAMILIES`.
        text: A spec. 'help' asks for a line on each member, and 'help("cosine")' for
            the arguments and the whole docstring of one.

    Raises:
        UsageError: The family has no such member, or a path was given for a data set.
    """
    if flag == "dataset" and (problem := guesses.path(text, (*data.DATASETS, _HELP))):
        raise UsageError(problem)
    if not _REQUEST.match(text):
        return ""
    call = spec.single(text)
    if not call.args:
        return _members(flag)
    name = call.args[0]
    if name not in FAMILIES[flag]:
        known = ", ".join(FAMILIES[flag])
        raise UsageError(f"--{flag} has no member {name!r}; known are {known}")
    return _member(flag, name)


def _members(flag: str) -> str:
    """Returns a line for each member of a family."""
    family = FAMILIES[flag]
    width = max(map(len, family))
    lines = []
    for name, member in family.items():
        summary = (inspect.getdoc(member) or "").partition("\n")[0]
        lines.append(f"  {name:{width}}  {summary}".rstrip())
    example = next(iter(family))
    return "\n".join(
        [
            f"--{flag} can name:",
            *lines,
            "or module:name(...), a member of your own.",
            f"""--{flag}='{_HELP}("{example}")' describes the arguments of one.""",
        ]
    )


def _member(flag: str, name: str) -> str:
    """Returns how one member is written, and its docstring."""
    member = FAMILIES[flag][name]
    function = member
    if flag == "schedule" and not isinstance(member, type):
        function = schedules.with_spec_signature(member)
    parameters = list(inspect.signature(function).parameters.values())
    if flag == "model":
        # The image shape and the number of classes, which the data set gives.
        parameters = parameters[2:]
    bare = [each.replace(annotation=each.empty) for each in parameters]
    described = inspect.getdoc(member) or ""
    return f"{name}{inspect.Signature(bare)}\n\n{described}".rstrip()
