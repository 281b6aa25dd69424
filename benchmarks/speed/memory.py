"""The memory of a process after each epoch of a run, or after each run.

    python -m benchmarks.speed.memory
    python -m benchmarks.speed.memory --epochs=30 -- --strategy=mirrored --devices=2
    python -m benchmarks.speed.memory --runs=30

Makes a folder of JPEG files, and trains on it with --input=stream in a process of its
own; what is given after -- goes to experiments.train. With --runs, trains that often
in this process, an epoch each, and also counts the Python objects that are alive after
each run. See README for the result.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from absl import app, flags
from PIL import Image

from framework.config import Config
from framework.launch.run import run

_EPOCHS = flags.DEFINE_integer("epochs", 10, "Number of epochs to train, such as 10.")
_IMAGES = flags.DEFINE_integer(
    "images", 3000, "Number of image files to write, such as 3000."
)
_RUNS = flags.DEFINE_integer(
    "runs", 0, "Number of runs in one process, such as 5; 0 for one run by epochs."
)
_SIZE = 64


def make(folder: Path, count: int) -> None:
    """Writes JPEG files of two classes, `count` in all."""
    generator = np.random.default_rng(0)
    for index in range(count):
        name = ("dark", "light")[index % 2]
        (folder / name).mkdir(parents=True, exist_ok=True)
        pixels = generator.normal(60 + 100 * (index % 2), 30, (_SIZE, _SIZE, 3))
        image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
        image.save(folder / name / f"{index:06}.jpg")


def resident(process: int) -> float:
    """Returns the resident memory of a process in MiB; 0 if it has ended."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0.0
    lines = [line.split() for line in status.splitlines() if line.startswith("VmRSS")]
    return int(lines[0][1]) / 1024 if lines else 0.0


def repeat(count: int) -> None:
    """Trains `count` times in this process; prints a line after each run."""
    for index in range(count):
        with tempfile.TemporaryDirectory() as place:
            config = Config(
                model="resnet(depth=8)",
                augment="rotate(5) + brightness(.1) + mixup",
                train_for="1ep",
                workdir=place + "/run",
            )
            run(config, quiet=True)
        gc.collect()
        objects = len(gc.get_objects())
        memory = resident(os.getpid())
        print(f"run {index + 1}: {memory:,.1f} MiB, {objects:,} objects", flush=True)


def main(arguments: list[str]) -> None:
    """Prints a line for each epoch, or for each run."""
    if _RUNS.value:
        repeat(_RUNS.value)
        return
    with tempfile.TemporaryDirectory() as place:
        make(Path(place) / "images", _IMAGES.value)
        workdir = Path(place) / "run"
        command = [
            sys.executable,
            "-m",
            "experiments.train",
            "--input=stream",
            f"--dataset=folder({place + '/images'!r}, size={_SIZE})",
            "--model=cnn(filters=(8, 16), dense=16)",
            f"--workdir={workdir}",
            f"--train_for={_EPOCHS.value}ep",
            *arguments[1:],
        ]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        metrics, seen = workdir / "metrics.jsonl", 0
        while process.poll() is None:
            time.sleep(0.05)
            done = len(metrics.read_bytes().splitlines()) if metrics.exists() else 0
            if done > seen:
                seen = done
                print(f"epoch {done}: {resident(process.pid):,.0f} MiB", flush=True)
        sys.exit(process.returncode)


if __name__ == "__main__":
    app.run(main)
