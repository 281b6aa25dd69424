"""What a run is to the program that starts it."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection


@dataclasses.dataclass(frozen=True)
class Role:
    """What a run is to the program that starts it.

    Attributes:
        then: What the program does after training, for the notice that validation
            accuracy is static.
        is_part: Whether the run is a part of another run, such as a trial of its
            diagnosis: TensorBoard does not list it then.
        compared: The fields of the config that HParams compares; None for those that
            are not the default, and what people vary most.
    """

    then: str = ""
    is_part: bool = False
    compared: Collection[str] | None = None


ALONE, PART = Role(), Role(is_part=True)
