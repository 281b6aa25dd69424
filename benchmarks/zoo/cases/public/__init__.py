"""Cases made of public reports about validation accuracy.

They were chosen and written by people who had not read the checks, before the diagnosis
was run on them. The source of each is the address of its report. Its thread names
the cause; of some (keras 2005, 3985, 7759 and 12412, BIGBALLON 17, stellargraph 1906,
mmpretrain 870, RIAWELC 2, super-gradients 416, discuss.ai.google.dev, Stack Overflow
and AI Stack Exchange) the question alone could be read, and the cause is plain from the
code or the comparison in it.
"""

from __future__ import annotations

import dataclasses

from benchmarks.zoo.cases.case import Case
from benchmarks.zoo.cases.public import (
    inputs,
    labels,
    metrics,
    photos,
    second,
    sound,
    steps,
    third,
    training,
)

_FIRST = (inputs, labels, photos, training, steps, metrics, sound)
# The first two draws have been looked at, and so thresholds may be chosen by them.
FAMILIES = {"calibration": _FIRST + second.FAMILIES, "report": third.FAMILIES}
CASES: tuple[Case, ...] = tuple(
    dataclasses.replace(case, group="public", half=half)
    for half, families in FAMILIES.items()
    for family in families
    for case in family.CASES
)

__all__ = ["CASES"]
