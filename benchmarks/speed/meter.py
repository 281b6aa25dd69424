"""Measures every peer at the same moments, and prints a line of JSON.

Only the standard library is needed here, so that a peer can run under any interpreter.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import time
from collections.abc import Sequence

_LINE = "benchmark: "


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
    for name, settings in more:
        parser.add_argument(name, **settings)
    return parser.parse_args()


class Meter:
    """Measures the parts of each epoch, in seconds of wall-clock and CPU time.

    Training is all from the end of an evaluation to the beginning of the next: the idle
    time of an input pipeline, checkpoints and logging are part of it.

    Args:
        started: When the process was started, in seconds since 1970.
    """

    def __init__(self, started: float):
        self._started = started or time.time()
        self._first_step = 0.0
        self._marks = [_now()]
        self._memory: list[float] = []

    def stepped(self) -> None:
        """Records the end of the first step; call it after each step."""
        self._first_step = self._first_step or time.time() - self._started

    def trained(self) -> None:
        """Records the end of the training of an epoch."""
        self.stepped()
        self._marks.append(_now())

    def evaluated(self) -> None:
        """Records the end of the evaluation of an epoch."""
        self._marks.append(_now())
        self._memory.append(_resident())

    def write(self, accuracy: float) -> None:
        """Prints the measurements.

        Args:
            accuracy: On the validation images, at the end.
        """
        spans = [
            (after[0] - before[0], after[1] - before[1])
            for before, after in zip(self._marks, self._marks[1:], strict=False)
        ]
        usage = resource.getrusage(resource.RUSAGE_SELF)
        line = {
            "train_wall": [wall for wall, _ in spans[::2]],
            "train_cpu": [cpu for _, cpu in spans[::2]],
            "evaluate_wall": [wall for wall, _ in spans[1::2]],
            "evaluate_cpu": [cpu for _, cpu in spans[1::2]],
            "first_step": self._first_step,
            "wall": time.time() - self._started,
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
