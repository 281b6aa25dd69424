"""The families of components that specs name: text for `--help` and `--model=help`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

from framework import augment, data, losses, metrics, models, schedules
from framework.augment import normalize
from framework.config import guesses, spec
from framework.data import sampling
from framework.errors import UsageError
from framework.optim import optimizers

# Families by the flag whose spec names their members.
FAMILIES: dict[str, Mapping[str, Callable[..., Any]]] = {
    "dataset": data.DATASETS,
    "sampling": sampling.SAMPLINGS,
    "augment": augment.AUGMENTATIONS,
    "normalize": normalize.NORMALIZATIONS,
    "model": models.MODELS,
    "optimizer": optimizers.OPTIMIZERS,
    "schedule": schedules.SCHEDULES,
    "loss": losses.LOSSES,
    "metrics": metrics.METRICS,
}
_HELP = "help"
_REQUEST = re.compile(rf"\s*{_HELP}\s*(?:\(|$)")


def notes() -> dict[str, str]:
    """Returns a line for `--help` by flag that lists the members of its family."""
    return {
        flag: f"One of {', '.join(family)}. --{flag}={_HELP} describes them."
        for flag, family in FAMILIES.items()
    }


def answer(flag: str, text: str) -> str:
    """Returns the help that a spec requests.

    Args:
        flag: A key of `FAMILIES`.
        text: A spec. 'help' requests a line for each member, and 'help("cosine")' the
            arguments and the docstring of one.

    Returns:
        An empty text if the spec requests no help.

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
    """Formats a line for each member of a family."""
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
            f"""--{flag}='{_HELP}("{example}")' describes the arguments of a member.""",
        ]
    )


def _member(flag: str, name: str) -> str:
    """Formats the signature and the docstring of a member."""
    member = FAMILIES[flag][name]
    description = inspect.getdoc(member) or ""
    return f"{name}{signature(flag, member)}\n\n{description}".rstrip()


def signature(flag: str, member: Callable[..., Any]) -> inspect.Signature:
    """Returns the signature of a member as it is written in a spec, without types.

    Args:
        flag: The flag of the family.
        member: The member.
    """
    function = member
    if flag == "schedule" and not isinstance(member, type):
        function = schedules.with_spec_signature(member)
    if flag == "loss":
        function = losses.with_spec_signature(member)
    parameters = list(inspect.signature(function).parameters.values())
    if flag == "sampling":
        # Not the number of examples of each class.
        parameters = parameters[1:]
    if flag in ("model", "metrics"):
        # Not the image shape and the number of classes, which the data set determines,
        # nor labels and logits.
        parameters = parameters[2:]
    return inspect.Signature(
        [parameter.replace(annotation=parameter.empty) for parameter in parameters]
    )
