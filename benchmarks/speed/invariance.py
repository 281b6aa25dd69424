"""Compares how much weights differ between numbers of devices, here and in `fit`.

    python -m benchmarks.speed.invariance
    python -m benchmarks.speed.invariance dropout everything

Each case of benchmarks/speed/cases.py is trained on 1, 2 and 4 devices, which the CPU
is divided into, and by two processes over loopback; and by `fit` on 1 and on 2 devices,
as benchmarks/speed/fit_cases.py writes it.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from absl import app

from benchmarks.speed import cases

# The trained weights of each case, by the names of case and variable.
Weights = dict[str, dict[str, np.ndarray]]


def in_other_processes(
    folder: Path,
    names: Sequence[str],
    strategy: str,
    devices: int,
    environments: Sequence[Mapping[str, str]],
    shards: int = 0,
) -> list[Weights]:
    """Trains cases in other processes, all at the same time.

    Args:
        folder: Where to put files.
        names: Of the cases.
        strategy: How devices share the work.
        devices: How many of each process.
        environments: What to add to the environment of each process.
        shards: How many of each batch; 0 for none.

    Raises:
        subprocess.CalledProcessError: One has failed.
    """
    processes = []
    for index, variables in enumerate(environments):
        path = str(folder / f"{index}.npz")
        command = [
            sys.executable,
            "-m",
            "benchmarks.speed.cases",
            strategy,
            str(devices),
        ]
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **variables}
        options = [f"--shards={shards}"] if shards else []
        command += [path, *options, *names]
        process = subprocess.Popen(command, env=environment)
        processes.append((process, path))
    weights = []
    for process, path in processes:
        if process.wait():
            raise subprocess.CalledProcessError(process.returncode, process.args)
        weights.append(_read(path, names))
    return weights


def _read(path: str, names: Sequence[str]) -> Weights:
    weights: Weights = {name: {} for name in names}
    with np.load(path) as values:
        for key in values.files:
            name, _, variable = key.partition(":")
            weights[name][variable] = values[key]
    return weights


def two_machines() -> list[dict[str, str]]:
    """Returns environment variables that connect two processes of this machine."""
    sockets = [socket.socket() for _ in range(2)]
    for each in sockets:
        each.bind(("localhost", 0))
    hosts = [f"localhost:{each.getsockname()[1]}" for each in sockets]
    for each in sockets:
        each.close()
    tasks = [{"type": "worker", "index": index} for index in range(2)]
    return [
        {"TF_CONFIG": json.dumps({"cluster": {"worker": hosts}, "task": task})}
        for task in tasks
    ]


def main(arguments: list[str]) -> None:
    """Prints a table."""
    names = arguments[1:] or list(cases.CASES)
    with tempfile.TemporaryDirectory() as folder:
        several = in_other_processes(
            Path(folder), names, "multi_worker", 0, two_machines()
        )
    print("| case | 2 devices | 4 devices | 2 processes | `fit`, 2 devices |")
    print("|---|---|---|---|---|")
    for name in names:
        print(f"| {name} | {' | '.join(_row(name, several[0][name]))} |", flush=True)


def _row(name: str, of_processes: dict[str, np.ndarray]) -> list[str]:
    """Returns the differences of the weights as text."""
    from framework.launch import invariance

    # First that on the most devices: the CPU is divided once.
    four = cases.train(name, "mirrored", 4)
    one, two = cases.train(name), cases.train(name, "mirrored", 2)
    differences = [
        invariance.difference(one, each) for each in (two, four, of_processes)
    ]
    return [*map(_number, differences), _of_fit(name)]


def _of_fit(name: str) -> str:
    from benchmarks.speed import fit_cases
    from framework.distributed.strategy import build_strategy
    from framework.launch import invariance

    one = fit_cases.train(name, build_strategy("default"))
    try:
        two = fit_cases.train(name, build_strategy("mirrored", 2))
    except Exception as problem:
        return f"fails: {type(problem).__name__}"
    if not all(np.isfinite(value).all() for value in one.values()):
        return "NaN on one device"
    return _number(invariance.difference(one, two))


def _number(value: float) -> str:
    return "NaN" if np.isinf(value) else f"{value:.1g}" if value else "0"


if __name__ == "__main__":
    app.run(main)
