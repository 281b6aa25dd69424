"""Lists runs, compares two of them, or deletes what is no longer needed.

    whyflat runs
    whyflat runs runs/flowers --sort=best
    whyflat runs runs/a runs/b
    whyflat runs runs/flowers --prune=folders --keep=3

Lists all runs in a folder (by default runs/) with their length, the best and the last
value of their --monitor, and what their diagnosis has confirmed. Of two runs, it prints
the flags that differ, and the difference of accuracy on the same validation images with
its 95 % interval.

With --prune, it lists what would be deleted, with sizes; with --yes it is deleted.
Without --prune, nothing is written.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from absl import flags

from framework.config import command
from framework.errors import RunError, UsageError
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
_HEADINGS = ("run", "state", "epochs", "best", "last", "monitor", "confirmed causes")


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
    if _SORT.value != "name":
        summaries.sort(key=_descending(_SORT.value))
    if _JSON.value:
        print(json.dumps([_as_json(each) for each in summaries], indent=2))
    else:
        _print_table([_HEADINGS, *(_cells(each, root) for each in summaries)])
        for each in filter(lambda each: each.problem, summaries):
            print(f"{printable(str(each.folder))}: {each.problem}")


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
        name, state, _, best, *_ = _cells(each.run, root)
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


def _descending(name: str) -> Callable[[RunSummary], tuple[bool, float]]:
    def key(each: RunSummary) -> tuple[bool, float]:
        value: float = getattr(each, name)
        return math.isnan(value), -value

    return key


def _state(each: RunSummary) -> str:
    if each.problem:
        return "unreadable"
    state = "complete" if each.is_complete else "incomplete"
    return f"{state}, inexact" if each.is_inexact else state


def _cells(each: RunSummary, root: Path) -> tuple[str, ...]:
    """Returns the cells of a run in the table."""
    name = each.folder.relative_to(root) if each.folder != root else each.folder
    best, last = ("" if math.isnan(x) else f"{x:.4g}" for x in (each.best, each.last))
    return (
        printable(str(name)),
        _state(each),
        f"{each.epoch:.3g}",
        best,
        last,
        each.monitor,
        ", ".join(_causes(each)),
    )


def _as_json(each: RunSummary) -> dict[str, Any]:
    best, last = (None if math.isnan(x) else x for x in (each.best, each.last))
    return {
        "folder": str(each.folder),
        "state": _state(each),
        "inexact": each.is_inexact,
        "problem": each.problem,
        "step": each.step,
        "epoch": each.epoch,
        "monitor": each.monitor,
        "best": best,
        "last": last,
        "confirmed": _causes(each),
    }


def _causes(each: RunSummary) -> list[str]:
    """Returns the confirmed causes of a run's current diagnosis."""
    # Imported here, because it takes seconds; without a diagnosis, none is needed.
    if not (each.folder / "diagnosis").is_dir():
        return []
    from framework.diagnose.report import stored

    try:
        findings = stored.read_findings(each.folder) or ()
    except RunError:
        return []
    return [finding.cause for finding in findings if finding.status == "confirmed"]


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
    _print_table([_HEADINGS, *(_cells(each, each.folder) for each in (one, other))])
    gain, images = run_list.accuracy_difference(first, second)
    print(
        f"accuracy of the last evaluations, the second less the first: "
        f"{gain.in_points}, 95 % over {images:,} images; another seed "
        f"may differ by more"
    )


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Parses the command line, runs the command, and exits."""
    command.run(runs, argv)
