"""Compares a chaotic run on 1, 2 and 4 devices, with --shards and without.

    python -m benchmarks.speed.bits
    python -m benchmarks.speed.bits --precision=bfloat16 --with_shards_only

A small ResNet on digits magnifies the rounding of its first steps until the runs have
nothing in common. Each run is a process of its own, with as many threads; printed are
the relative differences of the loss of single steps to that of one device, and of the
weights at the end.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

STEPS = (14, 35, 80, 100)
_SHARDS, _THREADS = 4, 2


def train(
    path: str, devices: int, shards: int, threads: int, precision: str = "float32"
) -> None:
    """Trains, and writes the losses of `STEPS` and all variables at the end.

    Args:
        path: The file to write.
        devices: The number of devices that the CPU is divided into.
        shards: As of --shards.
        threads: As of --threads.
        precision: As of --precision.
    """
    from framework.config import Config
    from framework.launch import components

    config = Config(
        dataset="digits",
        model="resnet(depth=8)",
        optimizer="sgd(momentum=.9)",
        learning_rate=0.05,
        batch_size=48,
        train_for=str(STEPS[-1]),
        shards=shards,
        threads=threads,
        precision=precision,
        strategy="mirrored" if devices > 1 else "default",
        devices=devices,
    )
    built = components.build(config, None, None, lambda done, total: None)
    losses = []
    for step in range(STEPS[-1]):
        built.loop(step, 1)
        loss = built.loop.take_window()["loss"]
        if step + 1 in STEPS:
            losses.append(loss)
    variables = {name: value.numpy() for name, value in built.state.variables().items()}
    np.savez(path, losses=np.array(losses), **variables)


def row(
    folder: Path, devices: int, shards: int, threads: int, base: str, precision: str
) -> str:
    """Trains in a process of its own; returns a line of the table.

    Args:
        folder: Where to write.
        devices: As of `train`.
        shards: As of `train`.
        threads: As of `train`.
        base: The name of the file to compare with.
        precision: As of `train`.
    """
    name = f"{devices}-{shards}-{threads}.npz"
    words = [str(folder / name), devices, shards, threads, precision]
    command = [sys.executable, "-m", "benchmarks.speed.bits", *map(str, words)]
    subprocess.run(command, check=True, capture_output=True)
    with np.load(folder / base) as one, np.load(folder / name) as other:
        expected, actual = one["losses"], other["losses"]
        same = all(one[key].tobytes() == other[key].tobytes() for key in one.files)
        weights = max(
            float(np.abs(one[key] - other[key]).max() / np.abs(one[key]).max())
            for key in one.files
            if key.startswith("model/") and one[key].size
        )
    differences = np.abs(actual - expected) / np.abs(expected)
    cells = [f"{value:.0e}" if value else "0" for value in [*differences, weights]]
    label = f"| {shards or 'off'} | {devices} | {threads} | "
    return label + " | ".join(cells) + f" | {'identical' if same else 'different'} |"


def main() -> None:
    """Prints a table; with arguments, trains one run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--with_shards_only", action="store_true")
    given = parser.parse_args()
    if given.run:
        path, devices, shards, threads, precision = given.run
        train(path, int(devices), int(shards), int(threads), precision)
        return
    steps = " | ".join(f"step {step}" for step in STEPS)
    print(f"| --shards | devices | --threads | {steps} | weights | bits |")
    print("|---|---|---|" + "---|" * (len(STEPS) + 2))
    with tempfile.TemporaryDirectory() as name:
        for shards in (_SHARDS,) if given.with_shards_only else (0, _SHARDS):
            base = f"1-{shards}-{_THREADS}.npz"
            for devices, threads in (
                (1, _THREADS),
                (2, _THREADS),
                (4, _THREADS),
                (1, 1),
            ):
                runs = Path(name), devices, shards, threads
                print(row(*runs, base, given.precision), flush=True)


if __name__ == "__main__":
    main()
