"""Decides whether a run may be resumed, and records changes of its config and data."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from framework.config import Config
from framework.config.durations import Duration
from framework.data import record as data_record
from framework.data.record import DataRecord
from framework.errors import RunError, UsageError
from framework.launch import run_folder, settled
from framework.loop.plan import Plan
from framework.report.history import History
from framework.system import atomic, json_text

_WAYS_OUT = "use another --workdir, or --fresh to move it aside"


@dataclasses.dataclass(frozen=True)
class Resumption:
    """How a run starts or resumes in its folder.

    Attributes:
        step: The step of the checkpoint to resume from; None for a new run.
        is_over: Whether the run is finished.
        difference: The old and new values of changed fields of the config, by name.
        data: The differences of the data, a line each.
        rounding: The differences of what the last bits depend on, such as the version
            of TensorFlow, a line each.
        is_inexact: Whether the training images are a stream, which begins anew.
    """

    step: int | None
    is_over: bool = False
    difference: Mapping[str, tuple[Any, Any]] = dataclasses.field(default_factory=dict)
    data: Sequence[str] = ()
    rounding: Sequence[str] = ()
    is_inexact: bool = False

    def notice(self) -> str:
        """Returns a notice of the changes; "" if there are none."""
        changes = [
            f"--{name}: {old!r} -> {new!r}"
            for name, (old, new) in self.difference.items()
        ]
        changes += [f"data, {line}" for line in self.data]
        sentences = []
        if changes:
            sentences.append(
                f"resumed at step {self.step or 0:,} with changes: {'; '.join(changes)}"
            )
        if self.is_inexact:
            sentences.append(
                f"the stream of training images begins anew at step {self.step or 0:,}"
            )
        if self.rounding:
            sentences.append(
                f"bits may differ from step {self.step or 0:,} on: "
                f"{'; '.join(self.rounding)}"
            )
        return "\n".join(sentences)


@dataclasses.dataclass(frozen=True)
class Change:
    """A line of changes.jsonl: what changed when a run was resumed.

    Attributes:
        step: The step of the checkpoint that the run was resumed from.
        old: The values before of changed fields of the config, by name.
        data: The differences of the data, a line each.
        rounding: The differences of what the last bits depend on, a line each.
    """

    step: int
    old: Mapping[str, Any]
    data: Sequence[str]
    rounding: Sequence[str]


def check_config(config: Config, given: Collection[str] = ()) -> None:
    """Checks, before any image is read, that the run in the folder has this config.

    `check` decides later what depends on how far the run has come: a finished run may
    be extended by another `train_for`, and one that has trained keeps its `test`.

    Args:
        config: The current configuration, as the user gives it.
        given: The fields whose components are given in Python.

    Raises:
        UsageError: The folder has a run of another configuration.
    """
    folder = Path(config.workdir)
    if config.fresh or config.allow_config_change:
        return
    if not (folder / "config.json").exists():
        return
    before = run_folder.read_config(folder)
    difference = settled.certain_difference(before, config, given)
    if difference.keys() - {"test", "train_for"}:
        raise _is_another(folder, difference)


def check(
    folder: Path, config: Config, plan: Plan, history: History, step: int | None
) -> Resumption:
    """Checks that a run can be resumed with the same numbers.

    A finished run may be extended by a longer `train_for`.

    Args:
        folder: The run's folder.
        config: The current configuration.
        plan: The current event schedule.
        history: The evaluations so far.
        step: The step of the latest checkpoint; None if there is none.

    Raises:
        UsageError: The folder has a run of another configuration, results without a
            checkpoint, or a finished run that the changes would not continue.
    """
    if not (folder / "config.json").exists():
        return Resumption(None)
    before = run_folder.read_config(folder)
    difference = before.difference(config)
    if step is None and run_folder.has_results(folder):
        raise UsageError(
            f"workdir {folder} has results, but no checkpoint to resume from; restore "
            f"checkpoints/, {_WAYS_OUT}"
        )
    if step and "test" in difference:
        raise UsageError(
            f"--test of the run in {folder} cannot change from {before.test!r} to "
            f"{config.test!r}: it was trained on other images; {_WAYS_OUT}"
        )
    is_over = step is not None and plan.is_over(step, history)
    if difference:
        extends = difference.keys() == {"train_for"} and _was_over(
            before, plan, history, step
        )
        if not (config.allow_config_change or extends):
            raise _is_another(folder, difference)
        if is_over:
            raise UsageError(
                f"the run in {folder} is finished at step {step:,}, also with these "
                f"changes; give a longer --train_for, or {_WAYS_OUT}\n"
                f"{_list_changes(difference)}"
            )
    return Resumption(step, is_over, difference)


def check_data(
    folder: Path, config: Config, now: DataRecord, resumption: Resumption
) -> Resumption:
    """Checks that the data are those of the run so far, unless they may change.

    Args:
        folder: The run's folder.
        config: The current configuration.
        now: The record of the current data.
        resumption: From `check`.

    Returns:
        The resumption, with the differences of the data.

    Raises:
        UsageError: The data differ, or data.json is damaged.
    """
    before = data_record.read(folder)
    if before is None:
        return resumption
    if resumption.step:
        before.check_test(now)
    if not config.allow_data_change:
        data_record.check(before, now, folder)
    return dataclasses.replace(
        resumption,
        data=before.difference(now),
        is_inexact=now.is_inexact and bool(resumption.step) and not resumption.is_over,
    )


def record(folder: Path, resumption: Resumption) -> None:
    """Appends the changes to changes.jsonl; call it before config.json is written.

    Args:
        folder: The run's folder, which this process must have locked.
        resumption: From `check_data`.
    """
    if not resumption.notice():
        return
    change: dict[str, Any] = {
        "step": resumption.step or 0,
        "old": {name: old for name, (old, _) in resumption.difference.items()},
        "new": {name: new for name, (_, new) in resumption.difference.items()},
    }
    if resumption.data:
        change["data"] = list(resumption.data)
    if resumption.is_inexact:
        change["inexact"] = True
    if resumption.rounding:
        change["rounding"] = list(resumption.rounding)
    line = json.dumps(change)
    path = folder / "changes.jsonl"
    # A process killed before it wrote config.json may have recorded the change.
    recorded = atomic.read_bytes(path).splitlines() if path.exists() else []
    if recorded[-1:] != [line.encode()]:
        atomic.append_line(path, line)


def changes(folder: Path) -> list[Change]:
    """Reads changes.jsonl; [] if the run was never changed.

    Args:
        folder: The run's folder.

    Raises:
        RunError: A line is damaged.
    """
    path = folder / "changes.jsonl"
    if not path.exists():
        return []
    recorded = []
    for number, line, is_complete in json_text.lines(atomic.read_bytes(path)):
        try:
            recorded.append(_change(json_text.parse_object(line)))
        except (ValueError, TypeError, KeyError) as problem:
            if is_complete:
                raise RunError(
                    f"{path}, line {number} is damaged ({problem}); restore it"
                ) from None
    return recorded


def _change(fields: Mapping[str, Any]) -> Change:
    """Raises ValueError, TypeError or KeyError if the fields are not as written."""
    step, old = fields["step"], fields["old"]
    lines = [fields.get(name, []) for name in ("data", "rounding")]
    if type(step) is not int or not isinstance(old, dict):
        raise TypeError("its step or its old values are of another type")
    if not all(isinstance(each, list) for each in lines):
        raise TypeError("its differences are no list")
    data, rounding = ([str(line) for line in each] for each in lines)
    return Change(step, old, data, rounding)


def _was_over(before: Config, plan: Plan, history: History, step: int | None) -> bool:
    """Returns whether the run was finished with its previous configuration."""
    if step is None:
        return False
    total = Duration.parse(before.train_for).steps(plan.steps_per_epoch)
    return dataclasses.replace(
        plan,
        total_steps=total,
        monitor=before.monitor,
        early_stopping=before.early_stopping,
    ).is_over(step, history)


def _is_another(folder: Path, difference: Mapping[str, tuple[Any, Any]]) -> UsageError:
    return UsageError(
        f"workdir {folder} has a run of another configuration; {_WAYS_OUT}, or "
        f"--allow_config_change\n{_list_changes(difference)}"
    )


def _list_changes(difference: Mapping[str, tuple[Any, Any]]) -> str:
    return "\n".join(
        f"    --{name}: {old!r} -> {new!r}" for name, (old, new) in difference.items()
    )
