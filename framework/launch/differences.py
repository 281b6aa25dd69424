"""Names the first difference of recomputed numbers from those in a run's folder."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from framework.numerics.metrics import Predictions
from framework.system.printable import printable


@dataclasses.dataclass(frozen=True)
class Difference:
    """Something in a run's folder that is not what its training gives.

    Attributes:
        file: The file, relative to the run's folder.
        step: The step; None if it is of no step.
        name: The array, the metric or the setting; "" for the file as a whole.
        detail: How it differs.
        is_certain: Whether no other processor or version could explain it.
        start: The step from which it was recomputed; None if it was not.
    """

    file: str
    step: int | None
    name: str
    detail: str
    is_certain: bool = True
    start: int | None = None

    def __str__(self) -> str:
        step = f", step {self.step:,}" if self.step is not None else ""
        name = f" {self.name}:" if self.name else ""
        start = f" from step {self.start:,}" if self.start is not None else ""
        return f"{self.file}{step}:{name} {self.detail}{start}"

    def as_json(self) -> dict[str, Any]:
        """Returns the same as JSON values."""
        return dataclasses.asdict(self)


def of_arrays(
    kept: Mapping[str, np.ndarray], recomputed: Mapping[str, np.ndarray]
) -> tuple[str, str] | None:
    """Compares all bits of arrays.

    Integers of another width are compared as numbers: earlier versions had 32-bit
    counters.

    Args:
        kept: The arrays of a file by name.
        recomputed: The arrays that training gives, of which an earlier version may lack
            those of "history/", "schedule/" and "nonfinite/".

    Returns:
        The name of the first array that differs, and how; None if all are equal.

    Example:
        >>> of_arrays({"a": np.float32([1, 2])}, {"a": np.float32([1, 3])})
        ('a', '1 of 2 values differ, first [1]: 2.0, recomputed 3.0')
    """
    for name in kept:
        if name not in recomputed:
            return printable(name), "unexpected"
    different = []
    for name, value in recomputed.items():
        if name not in kept:
            if name.startswith(("history/", "schedule/", "nonfinite/")):
                continue
            return name, "missing"
        if detail := _of_array(kept[name], value):
            different.append((name, detail))
    if not different:
        return None
    name, detail = different[0]
    more = f" (and {len(different) - 1} more arrays)" if len(different) > 1 else ""
    return name, detail + more


def of_rows(kept: Mapping[str, float], recomputed: Mapping[str, float]) -> list[str]:
    """Returns the metrics of an evaluation that differ, with both values.

    >>> of_rows({"step": 5, "loss": 0.5}, {"step": 5, "loss": 0.25})
    ['loss: 0.5, recomputed 0.25']
    """
    lines = []
    for name in dict.fromkeys([*recomputed, *kept]):
        one, other = kept.get(name), recomputed.get(name)
        # NaN is equal to NaN here, and 1 is not 1.0.
        if repr(one) != repr(other):
            texts = [
                "missing" if value is None else repr(value) for value in (one, other)
            ]
            lines.append(f"{printable(name)}: {texts[0]}, recomputed {texts[1]}")
    return lines


def of_predictions(
    kept: Predictions, recomputed: Predictions
) -> tuple[str, str] | None:
    """Returns the first array of predictions that differs, and how; None if none does.

    Args:
        kept: Those of a file, which an earlier version wrote without rank.
        recomputed: Those of the evaluation.
    """
    for name in ("labels", "predicted", "rank", "confidence", "losses", "weights"):
        one, other = getattr(kept, name), getattr(recomputed, name)
        if one is None or other is None:
            continue
        if detail := _of_array(one, np.asarray(other)):
            return name, detail
    return None


def _of_array(kept: np.ndarray, recomputed: np.ndarray) -> str:
    if recomputed.dtype.name == "bfloat16":
        recomputed = recomputed.astype(np.float32)
    if kept.dtype.kind == recomputed.dtype.kind == "i":
        kept = kept.astype(recomputed.dtype)
    if kept.dtype != recomputed.dtype or kept.shape != recomputed.shape:
        return (
            f"{kept.dtype} {list(kept.shape)}, recomputed {recomputed.dtype} "
            f"{list(recomputed.shape)}"
        )
    if kept.tobytes() == recomputed.tobytes():
        return ""
    size = kept.dtype.itemsize
    bits = [
        np.ascontiguousarray(value).reshape(-1).view(np.uint8).reshape(-1, size)
        for value in (kept, recomputed)
    ]
    flat = np.flatnonzero((bits[0] != bits[1]).any(axis=1))
    place = np.unravel_index(flat[0], kept.shape)
    index = f"[{', '.join(map(str, place))}]" if place else ""
    one, other = (value[place].item() for value in (kept, recomputed))
    values = f"{index}: {one!r}, recomputed {other!r}"
    if kept.size == 1:
        return f"{one!r}, recomputed {other!r}"
    return f"{len(flat):,} of {kept.size:,} values differ, first {values}"
