"""Compares the speed of this tree with that of a commit, trained in turn.

    taskset -c 0 python -m benchmarks.speed.guard --base=main --workload=W1 --rounds=5

Each round trains both, the one that begins alternating, and compares them; printed are
the median of the rounds' quotients, new by old, and the least and the most. Processor
seconds hardly depend on what else the machine does; still, a report, and no test: the
exit code is 0 whatever it says. `benchmarks.speed.kernels` is the test.
"""

from __future__ import annotations

import argparse
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

from benchmarks.speed import meter
from benchmarks.speed.workloads import WORKLOADS

# A median further from 1 than this, on the side where all rounds are, is remarked on:
# so far and so often it is hardly by chance.
_TOLERANCE, _LEAST_ROUNDS = 0.03, 4
_QUANTITIES = {
    "CPU seconds of training": lambda line: sum(line["train_cpu"][2:]),
    "seconds of training": lambda line: sum(line["train_wall"][2:]),
    "CPU seconds of the process": lambda line: line["cpu"],
    "seconds to the first step": lambda line: line["first_step"],
    "peak memory": lambda line: line["peak_mb"],
}


def main() -> None:
    """Prints a line for each quantity."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--base", default="HEAD", help="the commit to compare with")
    parser.add_argument("--workload", default="W1", choices=sorted(WORKLOADS))
    parser.add_argument("--precision", default="float32")
    parser.add_argument(
        "--rounds", type=int, default=5, help="number of pairs of processes"
    )
    parser.add_argument("--epochs", type=int, default=6, help="epochs of each process")
    chosen = parser.parse_args()
    root = pathlib.Path(__file__).parents[2]
    with tempfile.TemporaryDirectory() as folder:
        base = pathlib.Path(folder)
        check_out(root, chosen.base, base)
        trees = {"new": root, "old": base}
        lines: dict[str, list[dict]] = {name: [] for name in trees}
        for number in range(chosen.rounds):
            for name in sorted(trees, reverse=bool(number % 2)):
                lines[name].append(_train(trees[name], chosen))
    print(f"this tree by {chosen.base}, {chosen.workload}, {chosen.precision}:")
    for name, quantity in _QUANTITIES.items():
        pairs = zip(lines["new"], lines["old"], strict=True)
        print(report(name, [quantity(new) / quantity(old) for new, old in pairs]))


def report(name: str, ratios: Sequence[float]) -> str:
    """Returns a line about a quantity, of which less is better.

    Args:
        name: Of the quantity.
        ratios: New by old, of each round.
    """
    middle, low, high = statistics.median(ratios), min(ratios), max(ratios)
    remark = ""
    if len(ratios) < _LEAST_ROUNDS:
        remark = "  (too few rounds to tell)"
    elif low > 1 and middle > 1 + _TOLERANCE:
        remark = "  MORE in every round"
    elif high < 1 and middle < 1 - _TOLERANCE:
        remark = "  less in every round"
    return f"{name:28}{middle:6.3f} ({low:.3f}-{high:.3f}){remark}"


def check_out(root: pathlib.Path, commit: str, folder: pathlib.Path) -> None:
    """Writes the framework of a commit to a folder, with the benchmarks of today."""
    archive = subprocess.run(
        ["git", "archive", commit, "framework"], cwd=root, capture_output=True
    )
    if archive.returncode:
        raise SystemExit(f"--base={commit}: {archive.stderr.decode().strip()}")
    subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
    shutil.copytree(root / "benchmarks", folder / "benchmarks")


def _train(tree: pathlib.Path, chosen: argparse.Namespace) -> dict:
    """Trains with the framework in a folder; returns its measurements."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.speed.peers.whyflat",
        f"--workload={chosen.workload}",
        f"--epochs={chosen.epochs}",
        f"--precision={chosen.precision}",
        f"--started={time.time()}",
    ]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True)
    line = meter.read(done.stdout)
    if not line:
        raise SystemExit(f"{tree}: {done.stderr.strip()}")
    return line


if __name__ == "__main__":
    main()
