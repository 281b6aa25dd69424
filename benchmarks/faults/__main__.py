"""Runs all fuzzers, flips, kills, changes of devices and tamperings, and sums up.

    python -m benchmarks.faults
    python -m benchmarks.faults --part=0.05 --seed=7

All takes two to three hours on two cores; a part of it takes that part. The exit code
is 1 if anything was mishandled. Each can be run alone: see the other modules here.
"""

from __future__ import annotations

import argparse
import sys

from benchmarks.faults import (
    commands,
    data,
    devices,
    flags,
    flips,
    folders,
    kills,
    report,
    statistics,
    surroundings,
    tampering,
    workers,
)

# How many of each there are, where a part is to be taken.
_FUZZERS = {
    flags: 500,
    commands: 110,
    data: 260,
    folders: 1600,
    flips: 18_000,
    statistics: 60,
    surroundings: 80,
}
_KILLS, _OF_WORKERS, _DEVICES, _TAMPERINGS = 300, 12, 10, 100


def main() -> None:
    """Runs everything, and exits."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--part", type=float, default=1.0, help="fraction of all inputs, up to 1"
    )
    chosen = parser.parse_args()
    seed, part = chosen.seed, chosen.part
    tallies = []
    for module, count in _FUZZERS.items():
        number = None if part >= 1 else max(1, round(part * count))
        tallies += module.fuzz(seed, number, "")
    tallies += kills.fuzz(seed, max(1, round(part * _KILLS)))
    tallies += workers.fuzz(seed, max(1, round(part * _OF_WORKERS)))
    tallies += devices.vary(seed, max(1, round(part * _DEVICES)))
    tallies += tampering.plant(seed, max(1, round(part * _TAMPERINGS)))[0]
    sys.exit(report.conclude(tallies, seed))


if __name__ == "__main__":
    main()
