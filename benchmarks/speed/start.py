"""Measures the time from the start of a training to its first evaluation.

    taskset -c 0 python -m benchmarks.speed.start --rounds=10 --base=COMMIT

Trains on digits in processes of their own until `metrics.jsonl` has a row. With --base,
that commit and this tree take turns. The import of TensorFlow alone is measured in the
same rounds: nothing can be faster. Printed are the median, the least and the most.
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

from benchmarks.speed import guard

_PROGRAM = "from framework.commands import main; main()"
_IMPORT = "import tensorflow"


def main() -> None:
    """Prints a line for each program."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--base", help="a commit to compare with")
    parser.add_argument("--rounds", type=int, default=10, help="processes of each")
    parser.add_argument(
        "arguments", nargs="*", help="flags of `whyflat train`, after --"
    )
    chosen = parser.parse_args()
    root = pathlib.Path(__file__).parents[2]
    with tempfile.TemporaryDirectory() as folder:
        trees = {"this tree": root}
        if chosen.base:
            trees[chosen.base] = pathlib.Path(folder, "base")
            trees[chosen.base].mkdir()
            guard.check_out(root, chosen.base, trees[chosen.base])
        times: dict[str, list[tuple[float, float]]] = {}
        for tree in trees.values():
            # Python compiles the modules to bytecode.
            _train(tree, pathlib.Path(folder, "first"), chosen.arguments)
        for number in range(chosen.rounds):
            for name in sorted(trees, reverse=bool(number % 2)):
                workdir = pathlib.Path(folder, f"{name} {number}")
                measured = _train(trees[name], workdir, chosen.arguments)
                times.setdefault(name, []).append(measured)
            times.setdefault(_IMPORT, []).append(_import())
            latest = ", ".join(
                f"{name} {values[-1][1]:.2f}" for name, values in times.items()
            )
            print(f"round {number + 1}, processor seconds: {latest}", flush=True)
    for name, measured_times in times.items():
        clock, processor = zip(*measured_times, strict=True)
        print(f"{name:20} seconds {_summary(clock)}, processor {_summary(processor)}")


def _summary(seconds: Sequence[float]) -> str:
    low, middle, high = min(seconds), statistics.median(seconds), max(seconds)
    return f"{middle:.2f} ({low:.2f}-{high:.2f})"


def _train(
    tree: pathlib.Path, workdir: pathlib.Path, arguments: Sequence[str]
) -> tuple[float, float]:
    """Trains until the first evaluation; returns the seconds and processor seconds."""
    command = [sys.executable, "-c", _PROGRAM, "train", "--fresh"]
    command += [f"--workdir={workdir}", *arguments]
    metrics, started = workdir / "metrics.jsonl", time.monotonic()
    metrics.unlink(missing_ok=True)
    process = subprocess.Popen(
        command,
        # Python finds modules in the current folder first.
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        while not (metrics.exists() and metrics.stat().st_size):
            if process.poll():
                assert process.stderr is not None
                raise SystemExit(process.stderr.read().decode())
            time.sleep(0.005)
        return time.monotonic() - started, _processor_seconds(process.pid)
    finally:
        process.kill()
        process.wait()


def _processor_seconds(process: int) -> float:
    """Returns the processor seconds of a process, in steps of 10 ms."""
    fields = pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2]
    user, system = fields.split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _import() -> tuple[float, float]:
    """Imports TensorFlow in a process; returns the seconds and processor seconds."""
    started, before = time.monotonic(), os.times()
    subprocess.run([sys.executable, "-c", _IMPORT], check=True, capture_output=True)
    after = os.times()
    processor = sum(after[2:4]) - sum(before[2:4])
    return time.monotonic() - started, processor


if __name__ == "__main__":
    main()
