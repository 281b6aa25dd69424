"""Runs commands in environments where something is missing, full or closed.

    python -m benchmarks.faults.surroundings

Standard output that is full, or a pipe that nobody reads any more (`| head -1`); closed
descriptors; locales without UTF-8; few open files; homes and folders that are gone.
"""

from __future__ import annotations

import dataclasses
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.faults import handled, report
from benchmarks.faults.fork_server import ROOT, Outcome
from benchmarks.faults.inputs import DIAGNOSE, SMALL, TRAIN, own_folder, write_data
from benchmarks.faults.report import Progress, Tally

_LIMIT = 120.0
_COMMANDS: Mapping[str, tuple[str, Sequence[str]]] = {
    "train": (TRAIN, SMALL),
    "train --help": (TRAIN, ("--help",)),
    "diagnose": (DIAGNOSE, ("--workdir=done", "--budget=0")),
    "diagnose --json": (DIAGNOSE, ("--workdir=done", "--budget=0", "--json")),
}
# Of a closed pipe, the shell's own tools die by SIGPIPE, and others say nothing.
_PIPE = frozenset({0, 1, 3, 74, 75, 120, 128 + 13, -13})


@dataclasses.dataclass(frozen=True)
class Surroundings:
    """A fault in the environment of a command.

    Attributes:
        name: In words.
        shell: How it is run; "$@" is the command.
        codes: How it may end.
        variables: Added to the environment.
        prepare: What to do to the folder that it runs in.
        limits: Resource limits.
    """

    name: str
    shell: str = '"$@"'
    codes: frozenset[int] = frozenset({0, 1, 2, 3})
    variables: Mapping[str, str] = dataclasses.field(default_factory=dict)
    prepare: Callable[[Path], object] = lambda folder: None
    limits: Mapping[int, int] = dataclasses.field(default_factory=dict)


def _with_keras(text: str) -> Callable[[Path], object]:
    """Returns a function that writes Keras's settings file into the home folder."""

    def prepare(folder: Path) -> None:
        (folder.parent / ".keras").mkdir()
        (folder.parent / ".keras" / "keras.json").write_text(text)

    return prepare


_BARE = {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
ALL = (
    Surroundings("nothing at all"),
    Surroundings("a reader that takes one line", '"$@" | head -1', _PIPE),
    Surroundings("a reader that takes nothing", '"$@" | true', _PIPE),
    Surroundings("errors nobody reads", '"$@" 2> >(true)', _PIPE),
    Surroundings("a full standard output", '"$@" > /dev/full', _PIPE),
    Surroundings("a full standard error", '"$@" 2> /dev/full', _PIPE),
    Surroundings("a closed standard output", '"$@" >&-', _PIPE),
    Surroundings("a closed standard error", '"$@" 2>&-', _PIPE),
    Surroundings("a closed standard input", '"$@" <&-'),
    Surroundings("a locale without UTF-8", variables=_BARE),
    Surroundings("an output in ASCII", variables={"PYTHONIOENCODING": "ascii"}),
    Surroundings("a home that is gone", variables={"HOME": "/nowhere/at/all"}),
    Surroundings("no home", variables={"HOME": ""}),
    Surroundings("a terminal of no kind", variables={"TERM": "", "COLUMNS": "0"}),
    Surroundings("one column", variables={"COLUMNS": "1"}),
    Surroundings("no folder for temporary files", variables={"TMPDIR": "/nowhere"}),
    Surroundings("20 open files", limits={resource.RLIMIT_NOFILE: 20}),
    Surroundings("a folder that is gone", 'mkdir x; cd x; rmdir ../x; "$@"'),
    Surroundings("umask 777", 'umask 777; "$@"'),
    Surroundings("another backend of Keras", variables={"KERAS_BACKEND": "jax"}),
    Surroundings("a backend that is not there", variables={"KERAS_BACKEND": "x"}),
    Surroundings("a keras.json that is damaged", prepare=_with_keras("{")),
    Surroundings("a keras.json of null", prepare=_with_keras("null")),
    Surroundings("wrong flags of XLA", variables={"XLA_FLAGS": "--no_such_flag"}),
    Surroundings("warnings as errors", variables={"PYTHONWARNINGS": "error"}),
)


def fuzz(seed: int, number: int | None, only: str) -> list[Tally]:
    """Returns how commands handled bad environments; the seed has no effect."""
    del seed
    every = [
        (where, command)
        for where in ALL
        for command in _COMMANDS
        if only in f"{command}, {where.name}"
    ]
    if number is not None and number < len(every):
        every = [every[index * len(every) // number] for index in range(number)]
    tally, progress = Tally("surroundings"), Progress("surroundings", len(every))
    with own_folder() as template:
        write_data(template / "data.npz")
        done = _run(ALL[0], TRAIN, (*SMALL, "--workdir=done"), template)
        if done.code:
            raise RuntimeError(done.stderr.decode())
        for where, command in every:
            problem = _tried(where, command, template)
            tally.add(f"{command}, {where.name}", problem)
            progress.show(tally)
    return [tally]


def _tried(where: Surroundings, command: str, template: Path) -> str | None:
    with own_folder() as folder:
        shutil.copytree(template, folder, dirs_exist_ok=True)
        where.prepare(folder)
        before = handled.listing(folder)
        outcome = _run(where, *_COMMANDS[command], folder)
        problem = handled.problem(outcome, where.codes)
        if problem and problem.endswith("without a word") and where.codes == _PIPE:
            problem = None
        free = ("run", "done/diagnosis", "x")
        return problem or handled.changes(before, handled.listing(folder), free)


def _run(
    where: Surroundings, module: str, arguments: Sequence[str], folder: Path
) -> Outcome:
    """Runs a command through a shell; the exit code is that of the command itself."""
    script = f"{where.shell}; exit ${{PIPESTATUS[0]}}"
    environment = {**os.environ, **handled.environment(folder.parent)}
    environment |= {"PYTHONPATH": str(ROOT), **where.variables}

    def limit() -> None:
        for kind, value in where.limits.items():
            resource.setrlimit(kind, (value, value))

    try:
        done = subprocess.run(
            ["bash", "-c", script, "bash", sys.executable, "-m", module, *arguments],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_LIMIT,
            preexec_fn=limit,
        )
    except subprocess.TimeoutExpired as late:
        return Outcome(None, late.stdout or b"", late.stderr or b"", _LIMIT)
    code = done.returncode - 256 if done.returncode > 192 else done.returncode
    return Outcome(code, done.stdout, done.stderr, 0.0)


if __name__ == "__main__":
    report.main(__doc__, fuzz)
