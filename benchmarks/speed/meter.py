"""Measures every peer at the same moments, and prints a line of JSON.

With --turns, a peer prints a line after each epoch, and waits until it can read one.

Only the standard library is needed here, so that a peer can run under any interpreter.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from collections.abc import Sequence

_LINE = "benchmark: "
TURN = "turn"
KINDS = ("wall", "cpu")


def arguments(*more: tuple[str, dict]) -> argparse.Namespace:
    """Parses the command line of a peer.

    Args:
        *more: Name and settings of each argument that only this peer has.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--workload", default="W1")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--started", type=float, default=0.0)
    parser.add_argument("--turns", action="store_true")
    parser.add_argument("--repeats", type=int, default=1, help="runs of the process")
    for name, settings in more:
        parser.add_argument(name, **settings)
    return parser.parse_args()


class Meter:
    """Measures the parts of each epoch, in seconds of wall-clock and CPU time.

    Training is all from the end of an evaluation to the beginning of the next: the idle
    time of an input pipeline, checkpoints and logging are part of it.

    Args:
        arguments: Of the peer, with the time when its process was started.
    """

    def __init__(self, arguments: argparse.Namespace):
        self._started = arguments.started or time.time()
        self._takes_turns = arguments.turns
        self._first_step = 0.0
        self._since = _now()
        self._waited = 0.0
        self._spans: dict[str, list[float]] = {
            f"{part}_{kind}": [] for part in ("train", "evaluate") for kind in KINDS
        }
        self._memory: list[float] = []

    def stepped(self) -> None:
        """Records the end of the first step; call it after each step."""
        self._first_step = self._first_step or time.time() - self._started

    def trained(self) -> None:
        """Records the end of the training of an epoch."""
        self.stepped()
        self._record("train")

    def evaluated(self) -> None:
        """Records the end of the evaluation of an epoch."""
        self._record("evaluate")
        self._memory.append(_resident())
        if self._takes_turns:
            print(TURN, flush=True)
            sys.stdin.readline()
            self._waited += time.perf_counter() - self._since[0]
            self._since = _now()

    def _record(self, part: str) -> None:
        now = _now()
        for kind, before, after in zip(KINDS, self._since, now, strict=True):
            self._spans[f"{part}_{kind}"].append(after - before)
        self._since = now

    def write(self, accuracy: float) -> None:
        """Prints the measurements.

        Args:
            accuracy: On the validation images, at the end.
        """
        usage = resource.getrusage(resource.RUSAGE_SELF)
        line = {
            **self._spans,
            "first_step": self._first_step,
            "wall": time.time() - self._started - self._waited,
            "cpu": usage.ru_utime + usage.ru_stime,
            "peak_mb": usage.ru_maxrss / 1024,
            "memory_mb": self._memory,
            "accuracy": float(accuracy),
        }
        print(_LINE + json.dumps(line), flush=True)


def read(output: str) -> dict | None:
    """Returns the measurements in the output of a peer; None if there are none."""
    for line in output.splitlines():
        if line.startswith(_LINE):
            return json.loads(line.removeprefix(_LINE))
    return None


def log(epoch: int, values: Sequence[float]) -> None:
    """Prints the line that each peer prints after each epoch."""
    print(f"epoch {epoch}: " + " ".join(f"{value:.4f}" for value in values), flush=True)


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _resident() -> float:
    """Returns the resident memory of this process, in MiB."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
