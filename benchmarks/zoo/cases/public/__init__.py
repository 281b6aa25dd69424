"""Cases made of public reports about validation accuracy.

They were chosen and written by somebody who had not read the checks, and the diagnosis
was not run on them. The source of each is the address of its report. Its thread names
the cause; of some (keras 3985, 7759 and 12412, BIGBALLON 17, discuss.ai.google.dev,
Stack Overflow and AI Stack Exchange) the question alone could be read, and the cause is
plain from the code or the comparison in it.
"""

from __future__ import annotations

import dataclasses

from benchmarks.zoo.cases.case import Case
from benchmarks.zoo.cases.public import (
    inputs,
    labels,
    metrics,
    photos,
    sound,
    steps,
    training,
)

FAMILIES = (inputs, labels, photos, training, steps, metrics, sound)
CASES: tuple[Case, ...] = tuple(
    dataclasses.replace(case, group="public")
    for family in FAMILIES
    for case in family.CASES
)

__all__ = ["CASES"]
