"""Manipulation checks: whether a change has changed what it should.

A remedy can be without effect unnoticed, such as a lower rate that a schedule undoes.
It is compared with the unchanged program, of the same seed, by what both have recorded.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from framework.config import Config
from framework.data import record as data_record
from framework.data.record import DataRecord
from framework.launch import run_folder
from framework.report import events, tags
from framework.report.history import History

# Of the expected change, on a logarithmic scale: gradients differ after the first step.
_PART = 0.5
# Changes that no recorded number measures.
_NOT_MEASURED = {
    "clip_norm": "norms are recorded before clipping",
    "augment": "augmented images are not recorded",
    "normalize": "inputs are not recorded",
}
_TOO_SHORT = "no step was measured: --log_every is longer than the run"


@dataclasses.dataclass(frozen=True)
class Check:
    """One manipulation check.

    Attributes:
        what: What was measured.
        value: With the remedy, relative to the unchanged program; None if that was not
            possible.
        expected: In words.
        is_met: Whether it is as expected; None if it was not measured.
        reason: Why it was not measured; "" if it was.
    """

    what: str
    value: float | None
    expected: str
    is_met: bool | None
    reason: str = ""


def check(
    config: Config, changes: Mapping[str, Any], remedied: Path, unchanged: Path
) -> tuple[Check, ...]:
    """Checks what a remedy has changed.

    Args:
        config: Of the run.
        changes: The fields that the remedy changes, with their new values.
        remedied: The folder of a finished arm with the remedy.
        unchanged: That of the unchanged program, with the same seed.
    """
    checks = [_recorded(changes, remedied)]
    if "learning_rate" in changes:
        factor = changes["learning_rate"] / config.learning_rate
        checks.append(_norm("update_norm", factor, remedied, unchanged))
    if "optimizer" in changes:
        checks.append(_shrunk("weight_norm", remedied, unchanged))
    if "train_for" in changes:
        checks.append(_longer(remedied, unchanged))
    if "exclude" in changes:
        checks.append(_left_out(remedied, unchanged))
    if "sampling" in changes:
        checks.append(_evener(remedied, unchanged))
    for name, reason in _NOT_MEASURED.items():
        if name in changes:
            checks.append(Check(name, None, "", None, reason))
    return tuple(checks)


def _recorded(changes: Mapping[str, Any], remedied: Path) -> Check:
    """Returns whether the arm was run with the changes."""
    actual = run_folder.read_config(remedied)
    is_met = all(getattr(actual, name) == value for name, value in changes.items())
    return Check("config.json of the arm", None, "has the changes", is_met)


def _norm(tag: str, factor: float, remedied: Path, unchanged: Path) -> Check:
    """Compares norms at the first step at which both were measured."""
    return of_ratio(factor, _ratio(tag, 0, remedied, unchanged), _TOO_SHORT, tag)


def of_ratio(
    factor: float, ratio: float | None, reason: str, tag: str = "update_norm"
) -> Check:
    """Compares the ratio of a norm with that of what was changed.

    >>> of_ratio(10.0, 9.0, "").is_met, of_ratio(10.0, 1.1, "").is_met
    (True, False)

    Args:
        factor: The multiple of the learning rate.
        ratio: Of the norm; None if it was not measured.
        reason: Why not.
        tag: The norm.
    """
    what, expected = f"ratio of {tag}", f"{factor:.3g}, or half of it in logarithms"
    if ratio is None or not 0 < ratio < math.inf:
        return Check(what, None, expected, None, reason or "there was no update")
    is_met = math.log(ratio) / math.log(factor) >= _PART
    return Check(what, ratio, expected, is_met)


def _shrunk(tag: str, remedied: Path, unchanged: Path) -> Check:
    ratio = _ratio(tag, -1, remedied, unchanged)
    what, expected = f"ratio of {tag} at the end", "below 1"
    if ratio is None:
        return Check(what, None, expected, None, _TOO_SHORT)
    return Check(what, ratio, expected, ratio < 1)


def _ratio(tag: str, place: int, remedied: Path, unchanged: Path) -> float | None:
    """Returns the ratio of a norm at the first (0) or last (-1) step that both have."""
    with_remedy, without = (
        events.read_scalars(folder / "train", tags.logged(tag).name)
        for folder in (remedied, unchanged)
    )
    steps = sorted(with_remedy.keys() & without.keys())
    ratios = [with_remedy[step] / without[step] for step in steps if without[step]]
    ratios = [ratio for ratio in ratios if 0 < ratio < math.inf]
    return ratios[place] if ratios else None


def _left_out(remedied: Path, unchanged: Path) -> Check:
    """Compares the numbers of training images that are left out, by data.json."""
    what = "training images left out"
    records = [data_record.read(each) for each in (remedied, unchanged)]
    if records[0] is None or records[1] is None:
        return Check(what, None, "", None, "an arm has no data.json")
    after, before = (each.excluded["images"] for each in records if each)
    return Check(what, after, f"more than {before}", after > before)


def _evener(remedied: Path, unchanged: Path) -> Check:
    """Compares the frequencies of the classes in the first epoch, by data.json."""
    what = "largest by smallest class in the first epoch"
    records = [data_record.read(each) for each in (remedied, unchanged)]
    if records[0] is None or records[1] is None:
        return Check(what, None, "", None, "an arm has no data.json")
    after, before = (_unevenness(each) for each in records if each)
    return Check(what, after, f"below {before:.3g}", after < before)


def _unevenness(record: DataRecord) -> float:
    """Returns the largest class in the first epoch by the smallest one."""
    counts = record.sampled or record.fields["splits"]["train"]["per_class"]
    present = [each for each in counts if each]
    return float(max(present) / min(present))


def _longer(remedied: Path, unchanged: Path) -> Check:
    last = [History(each / "metrics.jsonl").last_step for each in (remedied, unchanged)]
    what = "ratio of steps"
    if not last[0] or not last[1]:
        return Check(what, None, "above 1", None, "a run has no evaluation")
    return Check(what, last[0] / last[1], "above 1", last[0] > last[1])
