"""Runs commands on bad inputs, each in its own folder, and judges the outcomes."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks.faults import handled
from benchmarks.faults.fork_server import ForkServer, fresh
from benchmarks.faults.report import Progress, Tally

TRAIN, DIAGNOSE = "experiments.train", "framework.diagnose"
# A command may also succeed on an input that may be valid.
ANY = frozenset({0, 1, 2, 3})
LIMIT = 60.0
# A sample of the inputs is tried in new processes.
FRESH_EVERY = 20
# MAX_ARG_STRLEN of Linux, with room for what stands before it.
_LONGEST_ARGUMENT = 100_000
# Quick to train on; the last of a flag that is given twice counts.
SMALL = (
    "--dataset=arrays('data.npz')",
    "--model=mlp(units=(4,))",
    "--workdir=run",
    "--train_for=2",
    "--batch_size=8",
)


@dataclasses.dataclass(frozen=True)
class Input:
    """One command with a fault.

    Attributes:
        name: The fault.
        arguments: The command line.
        codes: The exit codes it may have.
        prepare: Puts files into the folder that the command runs in.
        module: What is run.
        free: Where it may write, from the parent of its folder on.
        variables: Added to the environment.
    """

    name: str
    arguments: Sequence[str]
    codes: frozenset[int] = handled.REFUSED
    prepare: Callable[[Path], None] = lambda folder: None
    module: str = TRAIN
    free: tuple[str, ...] = ("here/run",)
    variables: Mapping[str, str] = dataclasses.field(default_factory=dict)


def try_all(
    kind: str,
    inputs: Sequence[Input],
    limit: float = LIMIT,
    fork_server: ForkServer | None = None,
) -> Tally:
    """Returns how commands handled the inputs.

    Args:
        kind: What the inputs are called.
        inputs: What to try.
        limit: Seconds after which a command counts as hanging.
        fork_server: Where to run them; one of its own if None.
    """
    tally, progress = Tally(kind), Progress(kind, len(inputs))
    if not inputs:
        return tally
    with contextlib.nullcontext(fork_server) if fork_server else ForkServer() as forks:
        for index, each in enumerate(inputs):
            is_fresh = index % FRESH_EVERY == FRESH_EVERY - 1
            # The system starts no process with a longer argument.
            is_fresh &= all(len(text) < _LONGEST_ARGUMENT for text in each.arguments)
            run = fresh if is_fresh else forks.run
            tally.add(each.name, _tried(each, run, limit))
            progress.show(tally)
    return tally


def chosen(inputs: Sequence[Input], number: int | None, only: str) -> list[Input]:
    """Returns the inputs with a text in their names, or an evenly spaced sample."""
    matching = [each for each in inputs if only in each.name]
    if number is None or number >= len(matching):
        return matching
    return [matching[index * len(matching) // number] for index in range(number)]


@contextlib.contextmanager
def own_folder():
    """Yields an empty folder, whose parent is empty as well."""
    place = tempfile.mkdtemp()
    try:
        folder = Path(place, "home", "here")
        folder.mkdir(parents=True)
        yield folder
    finally:
        _make_deletable(Path(place))
        shutil.rmtree(place)


def _make_deletable(place: Path) -> None:
    for path in (place, *place.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o700)


def _tried(each: Input, run: Callable, limit: float) -> str | None:
    """Returns how an input was mishandled; None if it was not."""
    with own_folder() as folder:
        write_data(folder / "data.npz")
        each.prepare(folder)
        home = folder.parent
        before = handled.listing(home)
        variables = {**handled.environment(home), **each.variables}
        outcome = run(each.module, each.arguments, folder, limit, variables)
        problem = handled.problem(outcome, each.codes)
        # Whoever is refused leaves nothing behind; other results are in the run.
        # What Keras and matplotlib keep in a home, and which modules are trusted.
        free = (
            ".keras",
            ".cache",
            ".config",
            ".local",
            *(each.free if outcome.code != handled.USAGE else ()),
        )
        problem = problem or handled.changes(before, handled.listing(home), free)
        if not problem and each.module == TRAIN:
            problem = _claims(folder / "run", outcome)
        return problem


def _claims(run: Path, outcome: handled.Outcome) -> str | None:
    """Returns the problem if the exit code contradicts the results; else None.

    A run that trained has a last row of metrics; its folder may have another name.
    """
    rows = [*run.parent.glob("*/metrics.jsonl"), *run.parent.parent.glob("*/*.jsonl")]
    if outcome.code == 0 and not any(_is_row(path) for path in rows):
        return "exit code 0, but nothing was trained"
    if outcome.code in handled.REFUSED and b"best validation" in outcome.stdout:
        return f"exit code {outcome.code} after claiming a result"
    return None


def _is_row(path: Path) -> bool:
    try:
        return "validation/accuracy" in json.loads(path.read_text().splitlines()[-1])
    except (OSError, ValueError, IndexError):
        return False


def write_data(path: Path, **changes: np.ndarray | None) -> None:
    """Writes an .npz data set of three classes by brightness, which is easily learnt.

    Args:
        path: The file.
        **changes: Arrays to write instead of or besides the usual ones; None for those
            to leave out.
    """
    generator = np.random.default_rng(0)
    arrays = {}
    for part, count in (("train", 48), ("validation", 30)):
        labels = np.arange(count) % 3
        noise = generator.integers(0, 40, (count, 6, 6, 1))
        arrays[f"x_{part}"] = (noise + 100 * labels[:, None, None, None]).clip(0, 255)
        arrays[f"x_{part}"] = arrays[f"x_{part}"].astype(np.uint8)
        arrays[f"y_{part}"] = labels
    arrays |= changes
    np.savez(
        path, **{name: value for name, value in arrays.items() if value is not None}
    )
