"""W9: a sweep of 20 short runs on digits, from start to end.

    taskset -c 0 python -m benchmarks.speed.sweep --python_torch=PATH

The runs have the network of W4 and differ in the learning rate only. They are trained
by `whyflat sweep`, by a `whyflat train` each, by Keras's `fit` and by PyTorch, each of
these in one process and in a process for each run. The ways take turns, round after
round; printed are seconds from start to end, with imports and compilation, and how many
times the processor time of `whyflat sweep` each takes.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

import numpy as np

from benchmarks.speed.peers import whyflat
from benchmarks.speed.workloads import WORKLOADS

BASE = "whyflat sweep"
WAYS = (
    BASE,
    "whyflat train, a process each",
    "Keras fit, one process",
    "Keras fit, a process each",
    "PyTorch, one process",
    "PyTorch, a process each",
)
_WORKLOAD = "W4"
_LOW, _HIGH = 1e-4, 1e-2


def main() -> None:
    """Prints a table after each round."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=5, help="length of a run")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--ways",
        default="",
        help="comma-separated texts: only ways with one of them in the name",
    )
    parser.add_argument("--python_torch", default=sys.executable)
    chosen = parser.parse_args()
    rates = np.geomspace(_LOW, _HIGH, chosen.runs).tolist()
    wanted = [BASE, *chosen.ways.split(",")]
    ways = [way for way in WAYS if any(part in way for part in wanted)]
    seconds: dict[str, list[tuple[float, float]]] = {}
    for number in range(chosen.rounds):
        for way in ways if number % 2 == 0 else ways[::-1]:
            with tempfile.TemporaryDirectory() as folder:
                spent = _spent(_commands(way, rates, chosen, pathlib.Path(folder)))
            seconds.setdefault(way, []).append(spent)
        print(f"after {number + 1} round(s):\n{table(seconds)}", flush=True)


def table(seconds: dict[str, list[tuple[float, float]]]) -> str:
    """Returns a table in Markdown.

    Args:
        seconds: Of processor and wall-clock time, of each way and round.
    """
    rows = ["| | CPU s | x (least to most) | wall s |", "|---|---|---|---|"]
    for way in [way for way in WAYS if way in seconds]:
        pairs = zip(seconds[way], seconds[BASE], strict=True)
        ratios = [own[0] / other[0] for own, other in pairs]
        cpu, wall = (
            statistics.median(each) for each in zip(*seconds[way], strict=True)
        )
        spread = f"{min(ratios):.2f}-{max(ratios):.2f}"
        middle = statistics.median(ratios)
        rows.append(f"| {way} | {cpu:.1f} | {middle:.2f} ({spread}) | {wall:.1f} |")
    return "\n".join(rows)


def _commands(
    way: str, rates: Sequence[float], chosen: argparse.Namespace, folder: pathlib.Path
) -> list[list[str]]:
    """Returns the commands of a way, which are run one after another."""
    if way.startswith("whyflat"):
        return _own_commands(way, rates, chosen, folder)
    library, _, processes = way.partition(", ")
    python, module = sys.executable, "keras_fit"
    if library == "PyTorch":
        python, module = chosen.python_torch, "torch_loop"
    command = [
        python,
        "-m",
        f"benchmarks.speed.peers.{module}",
        f"--workload={_WORKLOAD}",
        f"--epochs={chosen.epochs}",
    ]
    if processes == "one process":
        return [[*command, f"--repeats={len(rates)}"]]
    return [command] * len(rates)


def _own_commands(
    way: str, rates: Sequence[float], chosen: argparse.Namespace, folder: pathlib.Path
) -> list[list[str]]:
    python = [sys.executable, "-c", "from framework.commands import main; main()"]
    workload = WORKLOADS[_WORKLOAD]
    config = whyflat.config(workload, chosen.epochs, "float32", str(folder), {})
    flags = [
        "--dataset=digits",
        f"--model={config.model}",
        f"--train_dev={config.train_dev}",
        f"--train_for={config.train_for}",
    ]
    if way == BASE:
        values = f"--sweep=learning_rate=[{', '.join(map(str, rates))}]"
        flags += [values, "--sampler=grid", f"--workdir={folder}/sweep"]
        return [[*python, "sweep", *flags]]
    return [
        [
            *python,
            "train",
            *flags,
            f"--learning_rate={rate}",
            f"--workdir={folder}/{rate}",
        ]
        for rate in rates
    ]


def _spent(commands: Sequence[Sequence[str]]) -> tuple[float, float]:
    """Returns the seconds of processor and wall-clock time of commands."""
    before, start = os.times(), time.perf_counter()
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{command}: {done.stderr.strip()}")
    after = os.times()
    cpu = after.children_user + after.children_system
    cpu -= before.children_user + before.children_system
    return cpu, time.perf_counter() - start


if __name__ == "__main__":
    main()
