"""Kills runs and diagnoses at random moments, and compares with unkilled ones.

    python -m benchmarks.faults.kills
    python -m benchmarks.faults.kills --number=20 --seed=1

A run is killed again and again, until it has ended: by SIGKILL at a moment that it
tells of (in the middle of a file, before a rename) or at any time at all, by SIGTERM,
by SIGINT sent twice, with a clock that is a day fast in between, and while a diagnosis
looks at its folder. In the end its rows, checkpoints and curves must be bit-identical
to those of an uninterrupted run. A killed diagnosis must leave the run unchanged.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import dataclasses
import shutil
import signal
import sys
import tempfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import numpy as np

from benchmarks.faults import handled, report, same_run
from benchmarks.faults.fork_server import ForkServer, Outcome
from benchmarks.faults.inputs import DIAGNOSE
from benchmarks.faults.report import Progress, Tally
from framework.config import Config, flags

_MOMENTS = "benchmarks.faults.moments"
_LIMIT = 120.0
_DAY = {"FAULTS_CLOCK": "86400"}
# Everything that keeps something from step to step is in one of these.
CONFIGS = {
    "a controller, dropout": same_run.SMALL,
    "averaged weights, float16, rollback, mixed images": dataclasses.replace(
        same_run.SMALL,
        model="cnn(filters=(4,), dense=8, dropout=.2)",
        optimizer="sgd(momentum=.9, nesterov=True)",
        schedule="greedy('validation/loss', patience=1)",
        augment="shift(.1) + noise(5) + mixup",
        ema=0.9,
        precision="float16",
        on_nonfinite="rollback",
        train_for="2ep",
        checkpoint_every="3",
    ),
}


@dataclasses.dataclass(frozen=True)
class Kind:
    """A way to kill a run.

    Attributes:
        name: What it is called.
        signal: What is sent.
        times: How often; at a moment that the run tells of, or once at any time if 0.
        codes: How the process may end.
        variables: Added to its environment.
    """

    name: str
    signal: signal.Signals
    times: int
    codes: frozenset[int]
    variables: Mapping[str, str] = dataclasses.field(default_factory=dict)


_KILLED = frozenset({0, -signal.SIGKILL})
# Before a program is ready for signals, they end it.
_STOPPED = frozenset({0, 75, -signal.SIGTERM})
_INTERRUPTED = frozenset({0, 75, 130})
KINDS = (
    Kind("SIGKILL at a moment", signal.SIGKILL, 1, _KILLED),
    Kind("SIGKILL at any time", signal.SIGKILL, 0, _KILLED),
    Kind("SIGTERM at a moment", signal.SIGTERM, 1, frozenset({0, 75})),
    Kind("SIGTERM at any time", signal.SIGTERM, 0, _STOPPED),
    Kind("SIGINT twice at a moment", signal.SIGINT, 2, _INTERRUPTED),
    Kind("SIGINT at any time", signal.SIGINT, 0, _INTERRUPTED),
    Kind("SIGKILL, clock a day fast", signal.SIGKILL, 1, _KILLED, _DAY),
)


@dataclasses.dataclass(frozen=True)
class Uninterrupted:
    """A run that was never interrupted.

    Attributes:
        flags: Its command line, but for its folder.
        folder: Where it is.
        moments: How many there were.
        seconds: How long it took.
    """

    flags: tuple[str, ...]
    folder: Path
    moments: int
    seconds: float


def fuzz(seed: int, number: int) -> list[Tally]:
    """Returns how runs and diagnoses handled being killed `number` times."""
    kinds = [*(kind.name for kind in KINDS), "run under diagnosis", "killed diagnosis"]
    tallies = {name: Tally(f"kills: {name}") for name in kinds}
    total, progress = Tally(""), Progress("kills", number)
    with ForkServer() as fork_server, tempfile.TemporaryDirectory() as place:
        runs = [
            uninterrupted(fork_server, Path(place, str(index)), config)
            for index, config in enumerate(CONFIGS.values())
        ]
        generator = np.random.default_rng(seed)
        turn = 0
        while total.tried < number:
            run, folder = runs[turn % len(runs)], Path(place, "run")
            chosen = turn % 4
            if chosen < 2:
                results = until_it_ends(fork_server, run, folder, generator)
            elif chosen == 2:
                results = [("run under diagnosis", *_looked_at(run, folder, generator))]
            else:
                results = _killed_diagnoses(fork_server, run, folder, generator)
            for kind, name, problem in results:
                tallies[kind].add(f"turn {turn}, {name}", problem)
                total.add(name, problem)
            progress.show(total)
            shutil.rmtree(folder)
            turn += 1
    return list(tallies.values())


def until_it_ends(
    fork_server: ForkServer,
    run: Uninterrupted,
    folder: Path,
    generator: np.random.Generator,
) -> list[tuple[str, str, str | None]]:
    """Kills a run until it has ended; returns kind, name and problem of each kill.

    A difference from the uninterrupted run is reported for the last kill.
    """
    results: list[tuple[str, str, str | None]] = []
    history: list[str] = []
    while True:
        kind = KINDS[generator.integers(len(KINDS))]
        # Early moments as often as late ones, of which there are more.
        place = int(run.moments ** generator.uniform())
        seconds = run.seconds * generator.uniform(0.05, 1)
        when = f"number {place}" if kind.times else f"after {seconds:.2f} s"
        name = f"{kind.name} {when}"
        history.append(name)
        outcome = _killed(fork_server, kind, place, seconds, run, folder)
        problem = _ended(outcome, kind.codes)
        if outcome.code == 0 or problem:
            break
        results.append((kind.name, name, None))
    # The last one has ended by itself, so it was not killed.
    problem = problem or _difference(folder, run.folder)
    if problem and not results:
        results.append((kind.name, name, None))
    if problem:
        results[-1] = (results[-1][0], "; ".join(history), problem)
    return results


def _killed(
    fork_server: ForkServer,
    kind: Kind,
    place: int,
    seconds: float,
    run: Uninterrupted,
    folder: Path,
) -> Outcome:
    """Runs a command that is killed, at a moment or after some seconds."""
    sent = [kind.signal.name, str(kind.times), "any", str(place * (kind.times > 0))]
    arguments = [*sent, *run.flags, f"--workdir={folder}"]
    limit, stop = (_LIMIT, 0) if kind.times else (seconds, kind.signal)
    return fork_server.run(
        _MOMENTS, arguments, folder.parent, limit, kind.variables, stop
    )


def _ended(outcome: Outcome, codes: Collection[int]) -> str | None:
    """Returns the problem with the end of a command; None without one."""
    if outcome.code is not None and outcome.code < 0 and outcome.code in codes:
        return None
    lines = outcome.stderr.splitlines(keepends=True)
    stderr = b"".join(line for line in lines if not line.startswith(b"moment "))
    return handled.problem(dataclasses.replace(outcome, stderr=stderr), codes)


def _difference(actual: Path, expected: Path) -> str | None:
    try:
        return same_run.difference(actual, expected)
    except (OSError, ValueError, RuntimeError) as problem:
        return f"cannot be compared: {type(problem).__name__}"


def uninterrupted(
    fork_server: ForkServer, folder: Path, config: Config
) -> Uninterrupted:
    """Trains a run without interruption.

    Args:
        fork_server: Where.
        folder: Where to.
        config: Of the run.
    """
    lines = flags.flagfile(config).splitlines()
    given = tuple(line for line in lines if not line.startswith("--workdir"))
    folder.parent.mkdir(exist_ok=True)
    arguments = ["SIGKILL", "0", "any", "0", *given, f"--workdir={folder}"]
    outcome = fork_server.run(_MOMENTS, arguments, folder.parent, _LIMIT)
    if outcome.code:
        raise RuntimeError(f"the uninterrupted run: {outcome.stderr.decode()}")
    moments = outcome.stderr.count(b"moment ")
    return Uninterrupted(given, folder, moments, outcome.seconds)


def _looked_at(
    run: Uninterrupted, folder: Path, generator: np.random.Generator
) -> tuple[str, str | None]:
    """Trains in one process and diagnoses in others meanwhile; returns what went wrong.

    The run is killed once and resumed, while it is diagnosed.
    """
    train = ["SIGKILL", "0", "any", "0", *run.flags, f"--workdir={folder}"]
    problem, count = None, 0
    with (
        ForkServer() as trainer,
        ForkServer() as reader,
        concurrent.futures.ThreadPoolExecutor(1) as pool,
    ):
        for limit in (run.seconds * generator.uniform(0.3, 1), _LIMIT):
            training = pool.submit(trainer.run, _MOMENTS, train, folder.parent, limit)
            while not training.done():
                looked = _diagnosis(reader, folder, _LIMIT)
                count += 1
                problem = problem or handled.problem(looked, {0, 1, 2, 3})
        ended = training.result()
    problem = problem or _ended(ended, {0})
    problem = problem or _difference(folder, run.folder)
    return f"{count} diagnoses beside it", problem


def _killed_diagnoses(
    fork_server: ForkServer,
    run: Uninterrupted,
    folder: Path,
    generator: np.random.Generator,
) -> Iterator[tuple[str, str, str | None]]:
    """Yields the state in which killed diagnoses leave a run."""
    shutil.copytree(run.folder, folder)
    before = handled.listing(folder)
    seconds = 8.0
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGKILL):
        after = float(generator.uniform(0.1, seconds))
        outcome = fork_server.run(
            DIAGNOSE, _looking_at(folder), folder.parent, after, stop=number
        )
        codes = {0, 3, -number} if number == signal.SIGKILL else {0, 3, 75, 130}
        problem = _ended(outcome, codes)
        if not problem:
            problem = handled.changes(before, handled.listing(folder), ("diagnosis",))
        yield "killed diagnosis", f"{number.name} after {after:.2f} s", problem


def _diagnosis(fork_server: ForkServer, folder: Path, limit: float) -> Outcome:
    return fork_server.run(DIAGNOSE, _looking_at(folder), folder.parent, limit)


def _looking_at(folder: Path) -> list[str]:
    return [f"--workdir={folder}", "--budget=0"]


def main() -> None:
    """Runs the benchmark from the command line, and exits."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--number", type=int, default=300, help="number of kills, such as 300"
    )
    chosen = parser.parse_args()
    sys.exit(report.conclude(fuzz(chosen.seed, chosen.number), chosen.seed))


if __name__ == "__main__":
    main()
