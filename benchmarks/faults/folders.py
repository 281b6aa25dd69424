"""Damaged run folders: each is resumed by `experiments.train`, and diagnosed.

    python -m benchmarks.faults.folders
    python -m benchmarks.faults.folders --only="train, config.json"

Each file of a finished run is damaged in each of many ways, and so is the run as a
whole. A resume must either end with the numbers of the undamaged run, or be refused and
leave all as it is. A diagnosis must add to diagnosis/ only; if it looks at other
weights than those of the last step, it must say so.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.faults import handled, report
from benchmarks.faults.damages import (
    ANY_FILE,
    CAN_BE_TRUE,
    WHOLE_RUN,
    Damage,
    flipped,
)
from benchmarks.faults.fork_server import ForkServer, Outcome, fresh
from benchmarks.faults.inputs import (
    DIAGNOSE,
    FRESH_EVERY,
    LIMIT,
    SMALL,
    TRAIN,
    own_folder,
    write_data,
)
from benchmarks.faults.report import Progress, Tally
from framework.errors import RunError
from framework.system import archive

_TRAIN = (*SMALL, "--train_for=4ep", "--learning_rate=.05", "--keep_best=2")
_DIAGNOSE = ("--workdir=run", "--budget=0")
_FLIPS = 4


@dataclasses.dataclass(frozen=True)
class Case:
    """A damaged folder, and the command that reads it.

    Attributes:
        name: The command, and the damage.
        module: The command.
        damage: Damages the run in a folder.
    """

    name: str
    module: str
    damage: Damage


@dataclasses.dataclass(frozen=True)
class Undamaged:
    """A finished run, and the outputs of commands on its undamaged folder.

    Attributes:
        home: Its folder's parent, with the data.
        numbers: Its metrics, and the arrays of its checkpoints and best ones.
        diagnosis: The content of diagnosis.json.
        notices: The output of the diagnosis on stderr.
    """

    home: Path
    numbers: dict[str, object]
    diagnosis: dict
    notices: str


def cases(run: Path, seed: int) -> list[Case]:
    """Returns all kinds of damage to a run, each for both commands.

    Args:
        run: The folder of a finished run.
        seed: Which bits to flip.
    """
    damages: list[tuple[str, Damage]] = []
    for name in _damaged_files(run):
        for what, damage in ANY_FILE.items():
            damages.append((f"{_shown(name)} {what}", _on(name, damage)))
        for flip in range(_FLIPS):
            what = f"{_shown(name)} with flip {flip}"
            damages.append((what, _on(name, flipped([seed, flip]))))
    damages += WHOLE_RUN.items()
    return [
        Case(f"{command}, {what}", module, damage)
        for what, damage in damages
        for command, module in (("train", TRAIN), ("diagnose", DIAGNOSE))
    ]


def fuzz(seed: int, number: int | None, only: str) -> list[Tally]:
    """Returns how both commands handled damaged folders."""
    with ForkServer() as fork_server, undamaged(fork_server) as run:
        every = [each for each in cases(run.home / "run", seed) if only in each.name]
        if number is not None and number < len(every):
            every = [every[index * len(every) // number] for index in range(number)]
        tallies = {
            TRAIN: Tally("damaged folders, resumed"),
            DIAGNOSE: Tally("damaged folders, diagnosed"),
        }
        both, progress = Tally(""), Progress("damaged folders", len(every))
        for index, case in enumerate(every):
            alone = index % FRESH_EVERY == FRESH_EVERY - 1
            problem = tried(case, run, fresh if alone else fork_server.run)
            tallies[case.module].add(case.name, problem)
            both.add(case.name, problem)
            progress.show(both)
    return list(tallies.values())


@contextlib.contextmanager
def undamaged(fork_server: ForkServer) -> Iterator[Undamaged]:
    """Trains and diagnoses a small run; deletes its folder after the block."""
    with tempfile.TemporaryDirectory() as place:
        home = Path(place, "here")
        home.mkdir()
        write_data(home / "data.npz")
        _must(fork_server.run(TRAIN, _TRAIN, home, 300), {0})
        expected = numbers(home / "run")
        shutil.copytree(home / "run", home / "diagnosed")
        again = ("--workdir=diagnosed", *_DIAGNOSE[1:])
        outcome = fork_server.run(DIAGNOSE, again, home, 300)
        _must(outcome, {0, 3})
        text = (home / "diagnosed/diagnosis/diagnosis.json").read_text()
        shutil.rmtree(home / "diagnosed")
        yield Undamaged(home, expected, json.loads(text), handled.warnings(outcome))


def tried(case: Case, run: Undamaged, command) -> str | None:
    """Returns how a damaged folder was mishandled; None if it was not.

    Args:
        case: What to damage and what to run.
        run: What it is a copy of.
        command: `ForkServer.run` of a fork server, or `fresh`.
    """
    with own_folder() as folder:
        shutil.copytree(run.home, folder, dirs_exist_ok=True)
        case.damage(folder / "run")
        before = handled.listing(folder)
        arguments = _TRAIN if case.module == TRAIN else _DIAGNOSE
        variables = handled.environment(folder.parent)
        outcome = command(case.module, arguments, folder, LIMIT, variables)
        after = handled.listing(folder)
        if case.module == TRAIN:
            problem = handled.problem(outcome, {0, 1, 2})
            return problem or _resumed(case, run, outcome, folder, before, after)
        problem = handled.problem(outcome, {0, 1, 2, 3})
        return problem or _diagnosed(case, run, outcome, folder, before, after)


_BEST = re.compile(r"run/best/step-\d{8}\.npz")
_PREDICTIONS = re.compile(r"run/predictions/step-(\d{8})\.npz")
# A user's own link of a whole folder may lead to a larger disk.
_LINKED_FOLDER = re.compile(r"train, (\w+)/ is a link outside")


def numbers(run: Path) -> dict[str, object]:
    """Returns a run's rows, and the arrays of its last checkpoint and best ones.

    Unreadable checkpoints are skipped, as a resume does.
    """
    checkpoints = sorted((run / "checkpoints").glob("step-????????.npz"))
    contents: dict[str, object] = {}
    for path in reversed(checkpoints):
        arrays = _arrays(path)
        if arrays is not None:
            contents[str(path.relative_to(run))] = arrays
            break
    for path in sorted((run / "best").glob("step-????????.npz")):
        contents[str(path.relative_to(run))] = _arrays(path) or "damaged"
    contents["metrics.jsonl"] = (run / "metrics.jsonl").read_text()
    return contents


def _arrays(path: Path) -> dict[str, bytes] | None:
    """Returns the numbers of all arrays in a file by name; None if it is damaged."""
    try:
        arrays = archive.read(path)
    except RunError:
        return None
    # Whoever reads them converts them to the width of their variable.
    wide = {"f": np.float64, "i": np.int64, "u": np.uint64, "b": np.bool_}
    return {
        name: value.astype(wide[value.dtype.kind]).tobytes()
        for name, value in arrays.items()
    }


def _resumed(
    case: Case,
    run: Undamaged,
    outcome: Outcome,
    folder: Path,
    before: handled.Listing,
    after: handled.Listing,
) -> str | None:
    """Returns the problem with a resume, or with its refusal; None without one."""
    if outcome.code in handled.REFUSED:
        if b"best validation" in outcome.stdout:
            return f"exit code {outcome.code} after claiming a result"
        problem = handled.changes(*map(_without_leftovers, (before, after)))
        return f"refused, but {problem}" if problem else None
    # What is named like a file of a later evaluation is deleted on resume.
    kept = [name for name in before if not name.endswith(".tmp")]
    kept = [name for name in kept if not _BEST.fullmatch(name)]
    last = max(int(name[-12:-4]) for name in run.numbers if name.startswith("check"))
    kept = [name for name in kept if not _is_of_a_later_step(name, last)]
    lost = [name for name in kept if name not in after]
    if lost:
        return f"done, but lost: {handled.general(min(lost))}"
    linked = _LINKED_FOLDER.fullmatch(case.name)
    own = ("run", f"outside-{linked[1]}") if linked else ("run",)
    outside = handled.changes(before, after, own)
    if outside:
        return f"done, but outside {outside}"
    resumed = numbers(folder / "run")
    for name, value in run.numbers.items():
        # What nothing needs may stay as damaged as it is.
        path = f"run/{name}"
        idle = name.startswith("best/") and before.get(path) == after.get(path)
        if not idle and not _has(resumed.get(name), value):
            return f"done, but with other numbers in {handled.general(name)}"
    return None


def _is_of_a_later_step(name: str, last: int) -> bool:
    match = _PREDICTIONS.fullmatch(name)
    return match is not None and int(match[1]) > last


def _has(actual: object, expected: object) -> bool:
    """Returns whether numbers are as expected; additional arrays are ignored."""
    if isinstance(actual, dict) and isinstance(expected, dict):
        return expected.items() <= actual.items()
    return actual == expected


def _diagnosed(
    case: Case,
    run: Undamaged,
    outcome: Outcome,
    folder: Path,
    before: handled.Listing,
    after: handled.Listing,
) -> str | None:
    """Returns the problem with a diagnosis, or with its refusal; None without one."""
    problem = handled.changes(before, after, ("run/diagnosis",))
    if problem:
        return f"a reader wrote; {problem}"
    can_be_true = any(what in case.name for what in CAN_BE_TRUE)
    if outcome.code in handled.REFUSED or can_be_true:
        return None
    path = folder / "run/diagnosis/diagnosis.json"
    diagnosis = json.loads(path.read_text()) if path.is_file() else {}
    same = diagnosis.get("measurements") == run.diagnosis["measurements"]
    if not same and handled.warnings(outcome) == run.notices:
        return "other measurements, without a word"
    return None


def _without_leftovers(listing: handled.Listing) -> handled.Listing:
    """Returns a listing without temporary files, which the next process deletes."""
    return {
        name: value
        for name, value in listing.items()
        if not (name.endswith(".tmp") and value[0] == "file")
    }


def _damaged_files(run: Path) -> list[str]:
    """Returns the files of a run of each kind: the first and the last of many."""
    files = [path.name for path in sorted(run.iterdir()) if path.is_file()]
    for folder in sorted(path for path in run.iterdir() if path.is_dir()):
        names = sorted(str(path.relative_to(run)) for path in folder.iterdir())
        files += sorted({*names[:1], *names[-1:]})
    return files


def _shown(name: str) -> str:
    return "train/events" if "tfevents" in name else name


def _on(name: str, damage: Damage) -> Damage:
    return lambda run: damage(run / name)


def _must(outcome: Outcome, codes: set[int]) -> None:
    if outcome.code not in codes:
        raise RuntimeError(f"the undamaged run: {outcome.stderr.decode()}")


if __name__ == "__main__":
    report.main(__doc__, fuzz)
