"""Fields of a config, each with the metadata of its flag."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

# The headings of `--help`, in order.
GROUPS = ("data", "model", "training", "evaluation", "run", "devices")


def _field(
    group: str,
    default: Any,
    help: str,
    choices: tuple[str, ...] = (),
    numbers: bool = True,
) -> Any:
    """Returns a dataclass field with the metadata of its flag.

    Args:
        group: Its heading in `--help`, one of `GROUPS`.
        default: The default value.
        help: The flag's help: one sentence with its unit and an example.
        choices: The permitted values; () for any.
        numbers: Whether the run's numbers depend on it. A run resumes only with the
            same values of such fields.
    """
    metadata = {"help": help, "choices": choices, "numbers": numbers, "group": group}
    return dataclasses.field(default=default, metadata=metadata)


data = functools.partial(_field, "data")
model = functools.partial(_field, "model")
training = functools.partial(_field, "training")
evaluation = functools.partial(_field, "evaluation")
run = functools.partial(_field, "run")
devices = functools.partial(_field, "devices")
