"""Measures what --shards costs on one device, in time and in memory.

    taskset -c 0 python -m benchmarks.speed.shards --workload=W1 --workload=W3

Each number of shards trains in a process of its own; they take turns, round after
round. Printed are medians over the rounds: processor seconds of training relative to
those without shards in the same round, and the peak memory of the process.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

from benchmarks.speed import meter
from benchmarks.speed.workloads import WORKLOADS

NUMBERS = (0, 2, 4, 8)


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--workload", action="append", choices=sorted(WORKLOADS), required=True
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=4, help="epochs of each process")
    parser.add_argument("--threads", type=int, default=1)
    chosen = parser.parse_args()
    print("| workload | --shards | time | peak memory, MB |")
    print("|---|---|---|---|")
    for workload in chosen.workload:
        lines: dict[int, list[dict]] = {shards: [] for shards in NUMBERS}
        for _ in range(chosen.rounds):
            for shards in NUMBERS:
                lines[shards].append(_train(workload, shards, chosen))
        for shards in NUMBERS:
            print(_row(workload, shards, lines[shards], lines[0]), flush=True)


def _row(workload: str, shards: int, lines: list[dict], base: list[dict]) -> str:
    """Returns a line of the table."""
    seconds = [
        sum(line["train_cpu"][1:]) / sum(one["train_cpu"][1:])
        for line, one in zip(lines, base, strict=True)
    ]
    memory = statistics.median(line["peak_mb"] for line in lines)
    ratio = f"{statistics.median(seconds):.2f} ({min(seconds):.2f}-{max(seconds):.2f})"
    return f"| {workload} | {shards or 'off'} | {ratio} | {memory:,.0f} |"


def _train(workload: str, shards: int, chosen: argparse.Namespace) -> dict:
    """Trains in a process of its own; returns its measurements."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.speed.peers.whyflat",
        f"--workload={workload}",
        f"--epochs={chosen.epochs}",
        f"--set=shards={shards}",
        f"--set=threads={chosen.threads}",
        f"--started={time.time()}",
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    line = meter.read(done.stdout)
    if not line:
        raise SystemExit(f"{workload}, {shards} shards: {done.stderr.strip()}")
    return line


if __name__ == "__main__":
    main()
