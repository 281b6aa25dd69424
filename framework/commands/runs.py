"""Lists runs, compares two of them, or deletes what is no longer needed.

    whyflat runs
    whyflat runs runs/flowers --sort=best
    whyflat runs --trials
    whyflat runs runs/a runs/b
    whyflat runs runs/flowers --prune=folders --keep=3

Lists all runs in a folder (by default runs/) with their length, the best and the last
value of their --monitor, and what their diagnosis has confirmed. A sweep is one line:
the number of its trials by state, and the mean over seeds of its best trial with the
half-width of the 95 % interval. With --trials, or given the folder of the sweep, its
runs are listed one by one; --json has both. Of two runs, it prints the flags that
differ, and the difference of accuracy on the same validation images with its 95 %
interval.

With --prune, it lists, run by run, what would be deleted, with sizes; with --yes it is
deleted. Without --prune, nothing is written.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from absl import flags

from framework.commands import run_rows
from framework.commands.run_rows import Row
from framework.config import command
from framework.errors import UsageError
from framework.launch import pruning, run_list
from framework.launch.run_list import RunSummary
from framework.system import paths
from framework.system.printable import printable

_SORT = flags.DEFINE_enum(
    "sort",
    "name",
    ["name", "best", "last"],
    "Order of the list, such as best: the highest value of --monitor first.",
)
_JSON = flags.DEFINE_bool("json", False, "Print the list as JSON.")
_TRIALS = flags.DEFINE_bool(
    "trials", False, "List the runs of a sweep one by one, not as one line."
)
_PRUNE = flags.DEFINE_enum(
    "prune",
    "",
    ["", *pruning.KINDS],
    "What to delete, once --yes is given: checkpoints (of complete runs, which keep "
    "their best weights and can no longer be resumed) or folders (whole runs).",
)
_KEEP = flags.DEFINE_integer(
    "keep",
    None,
    "Number of runs that --prune leaves as they are, the best by --monitor, such as 3; "
    "0 for none.",
    0,
)
_YES = flags.DEFINE_bool("yes", False, "Delete what --prune lists.")


def runs(arguments: list[str]) -> None:
    """Lists, compares or prunes runs.

    Args:
        arguments: The arguments that are not flags: a folder, or two runs.
    """
    if not _PRUNE.value and (_YES.value or _KEEP.value is not None):
        raise UsageError("--keep and --yes need --prune=checkpoints or --prune=folders")
    places = [Path(paths.expand(each, "the folder")) for each in arguments]
    if len(places) > 2:
        raise UsageError(
            f"give a folder to list, or two runs to compare, not {len(places)} folders"
        )
    if len(places) == 2:
        if _PRUNE.value:
            raise UsageError("--prune takes one folder, with the runs in it")
        _compare(*places)
        return
    root = places[0] if places else Path("runs")
    summaries = [run_list.summarize(folder) for folder in run_list.find(root)]
    if not summaries:
        raise UsageError(f"there are no runs in {root}; whyflat train makes one")
    if _PRUNE.value:
        _prune(summaries, root)
        return
    _list(summaries, root)


def _list(summaries: Sequence[RunSummary], root: Path) -> None:
    """Prints the list."""
    rows = (
        [run_rows.of_run(run) for run in summaries]
        if _TRIALS.value
        else run_rows.by_sweep(summaries, root)
    )
    if _SORT.value != "name":
        rows.sort(key=_descending(_SORT.value))
    if _JSON.value:
        print(json.dumps([row.fields for row in rows], indent=2))
        return
    _print_table([run_rows.HEADINGS, *(row.cells(root) for row in rows)])
    for each in filter(lambda each: each.problem, summaries):
        print(f"{printable(str(each.folder))}: {each.problem}")
    if len(rows) < len(summaries):
        print("--trials lists the runs of sweeps")


def _prune(summaries: Sequence[RunSummary], root: Path) -> None:
    """Lists what would be deleted; deletes it if `--yes` is given."""
    kind, keep = _PRUNE.value, _KEEP.value
    if keep is None:
        raise UsageError(
            f"--prune={kind} needs --keep, the number of runs to leave as they are, "
            f"such as --keep=3 for the best three; --keep=0 for none"
        )
    candidates = pruning.plan(summaries, kind, keep)
    rows = [("run", "state", "best", f"what --prune={kind} deletes")]
    for each in candidates:
        name, state, _, best, *_ = run_rows.of_run(each.run).cells(root)
        what = f"nothing: {each.kept}" if each.kept else _bytes(each.size)
        rows.append((name, state, best, printable(what)))
    _print_table(rows)
    chosen = [each for each in candidates if not each.kept]
    size = _bytes(sum(each.size for each in chosen))
    total = f"{len(chosen)} of {len(candidates)} runs, {size}"
    if not _YES.value:
        print(f"{total}; nothing is deleted without --yes")
        return
    for each in chosen:
        kept = pruning.delete(each.run.folder, kind)
        name = printable(str(each.run.folder))
        print(f"{name}: {f'kept, {kept}' if kept else 'deleted'}", flush=True)


def _bytes(count: float) -> str:
    """Returns a number of bytes with a unit.

    >>> _bytes(2048), _bytes(5.5 * 2**30)
    ('2.0 KiB', '5.5 GiB')
    """
    for unit in ("KiB", "MiB"):
        count /= 1024
        if count < 1024:
            return f"{count:.1f} {unit}"
    return f"{count / 1024:.1f} GiB"


def _descending(name: str) -> Callable[[Row], tuple[bool, float]]:
    def key(row: Row) -> tuple[bool, float]:
        value = (row.best if name == "best" else row.last).value
        return math.isnan(value), -value

    return key


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    """Prints rows in columns of equal width."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        print("  ".join(cells).rstrip())


def _compare(first: Path, second: Path) -> None:
    """Prints what differs between two runs."""
    one, other = run_list.summarize(first), run_list.summarize(second)
    for each in (one, other):
        if each.config is None or each.problem:
            raise UsageError(each.problem)
    assert one.config is not None
    assert other.config is not None
    changes = one.config.difference(other.config)
    for name, (before, after) in changes.items():
        print(f"--{name}: {before!r} -> {after!r}")
    if not changes:
        print("no flag that numbers depend on differs")
    rows = (run_rows.of_run(each).cells(each.folder) for each in (one, other))
    _print_table([run_rows.HEADINGS, *rows])
    gain, images = run_list.accuracy_difference(first, second)
    print(
        f"accuracy of the last evaluations, the second less the first: "
        f"{gain.in_points}, 95 % over {images:,} images; another seed "
        f"may differ by more"
    )


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Parses the command line, runs the command, and exits."""
    command.run(runs, argv)
