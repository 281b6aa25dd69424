"""Kills processes of a run of two workers, and compares with an unkilled run.

    python -m benchmarks.faults.workers
    python -m benchmarks.faults.workers --number=3

Two processes train together over loopback. One of them is killed or stopped at a random
time, and whatever ends with exit code 75 or by the signal is started again, as a
supervisor would: at once, after a second, or when both have ended. No other exit code
and no wait without end is accepted, and in the end both must have exit code 0, and the
run the numbers of one that nothing has killed.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.faults import report, same_run
from benchmarks.faults.fork_server import ROOT
from benchmarks.faults.report import Progress, Tally
from benchmarks.faults.specs import fields

_FLAGS = (
    "--strategy=multi_worker",
    "--model=mlp(units=(16,))",
    "--train_for=30ep",
    "--log_every=20",
    "--checkpoint_every=1ep",
)
_AGAIN = 75
# Together with what a machine under load takes to import TensorFlow.
_LIMIT = 240.0
_WAIT = 30
_STARTS = 8
_POLL = 0.05
_SHOWN = 2000


@dataclasses.dataclass(frozen=True)
class Kill:
    """A signal to one of the two processes.

    Attributes:
        worker: Which; 0 is the chief.
        signal: What it gets.
        after: Seconds from the start of both.
        pause: Seconds until a process that has ended is started again; None until both
            have ended.
    """

    worker: int
    signal: signal.Signals
    after: float
    pause: float | None

    def __str__(self) -> str:
        when = "with the other" if self.pause is None else f"after {self.pause} s"
        who = ("chief", "worker")[self.worker]
        return f"{self.signal.name} to the {who} at {self.after:.1f} s, again {when}"


class Pair:
    """Two processes of one run, each of which can be started again.

    Args:
        folder: Of the run; output goes to files beside it.
    """

    def __init__(self, folder: Path):
        self._folder = folder
        self._hosts = [f"localhost:{port}" for port in free_ports(2)]
        self._starts = [0, 0]
        self.processes: list[subprocess.Popen] = []
        for index in range(2):
            self.processes.append(self._start(index))

    def restart(self, index: int) -> None:
        """Starts a process again that has ended."""
        self.processes[index] = self._start(index)

    def starts(self) -> int:
        """Returns the number of process starts."""
        return sum(self._starts)

    def stderr_tail(self, index: int) -> str:
        """Returns the end of the stderr of a worker's last process."""
        path = self._errors(index)
        return path.read_text(errors="backslashreplace")[-_SHOWN:]

    def end(self) -> None:
        """Kills the processes that still run."""
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait()

    def _errors(self, index: int) -> Path:
        return self._folder.parent / f"{index}-{self._starts[index]}.err"

    def _start(self, index: int) -> subprocess.Popen:
        self._starts[index] += 1
        task = {"type": "worker", "index": index}
        cluster = json.dumps({"cluster": {"worker": self._hosts}, "task": task})
        wait = [f"--wait_for={_WAIT}s"] if "wait_for" in fields() else []
        with self._errors(index).open("wb") as errors:
            return subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "experiments.train",
                    *_FLAGS,
                    *wait,
                    f"--workdir={self._folder}",
                ],
                cwd=ROOT,
                env={**os.environ, "TF_CONFIG": cluster},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )


def free_ports(count: int) -> list[int]:
    """Returns ports of loopback that are free at the moment."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("localhost", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def fuzz(seed: int, number: int) -> list[Tally]:
    """Returns how runs of two processes handled being killed."""
    generator = np.random.default_rng(seed)
    tally, progress = Tally("kills of one of two workers"), Progress("workers", number)
    with tempfile.TemporaryDirectory() as place:
        uninterrupted = Path(place, "uninterrupted", "run")
        uninterrupted.parent.mkdir()
        begun = time.monotonic()
        problem = _supervised(uninterrupted, None)
        if problem:
            raise RuntimeError(f"the uninterrupted run: {problem}")
        seconds = time.monotonic() - begun
        for _ in range(number):
            kill = drawn(generator, seconds)
            folder = Path(place, "killed", "run")
            folder.parent.mkdir()
            problem = _supervised(folder, kill)
            problem = problem or same_run.difference(folder, uninterrupted)
            tally.add(str(kill), problem)
            progress.show(tally)
            shutil.rmtree(folder.parent)
    return [tally]


def drawn(generator: np.random.Generator, seconds: float) -> Kill:
    """Returns a random kill within a number of seconds."""
    signals = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
    pauses = (0.0, 1.0, 5.0, None)
    return Kill(
        int(generator.integers(2)),
        signals[generator.integers(len(signals))],
        float(generator.uniform(1, seconds)),
        pauses[generator.integers(len(pauses))],
    )


def _supervised(folder: Path, kill: Kill | None) -> str | None:
    """Runs both until they succeed; returns the problem, None without one."""
    pair = Pair(folder)
    begun = time.monotonic()
    ended: dict[int, float] = {}
    try:
        while pair.starts() <= _STARTS:
            now = time.monotonic() - begun
            if now > _LIMIT:
                return f"hangs: codes {[each.poll() for each in pair.processes]}"
            if kill and now >= kill.after:
                process = pair.processes[kill.worker]
                if process.poll() is None:
                    process.send_signal(kill.signal)
                kill = dataclasses.replace(kill, after=float("inf"))
            problem = _unexpected(pair, kill)
            if problem:
                return problem
            codes = [each.poll() for each in pair.processes]
            if codes == [0, 0]:
                return None
            _restart(pair, codes, kill, ended, now)
            time.sleep(_POLL)
        return "is started again and again"
    finally:
        pair.end()


def _unexpected(pair: Pair, kill: Kill | None) -> str | None:
    """Returns an exit code that no supervisor would start again, and its last line."""
    allowed = {None, 0, _AGAIN}
    if kill:
        # A signal that comes while Python starts up ends it.
        allowed |= {-kill.signal, 130}
    for index, process in enumerate(pair.processes):
        stderr = pair.stderr_tail(index)
        if process.poll() not in allowed or "Traceback" in stderr:
            last = [line for line in stderr.splitlines() if line.strip()][-1:]
            return f"exit code {process.poll()}: {''.join(last)[:100]}"
    return None


def _restart(
    pair: Pair,
    codes: Sequence[int | None],
    kill: Kill | None,
    ended: dict[int, float],
    now: float,
) -> None:
    """Restarts processes that have failed, when their pause is over."""
    if kill is None:
        return
    for index, code in enumerate(codes):
        if not code:
            continue
        since = now - ended.setdefault(index, now)
        other = codes[1 - index]
        due = other is not None if kill.pause is None else since >= kill.pause
        if due:
            del ended[index]
            pair.restart(index)


def main() -> None:
    """Runs the benchmark from the command line, and exits."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--number", type=int, default=12, help="number of kills, such as 12"
    )
    chosen = parser.parse_args()
    sys.exit(report.conclude(fuzz(chosen.seed, chosen.number), chosen.seed))


if __name__ == "__main__":
    main()
