"""Measures the peak memory of short trainings, beside Keras's `fit` on the same data.

    python -m benchmarks.speed.peak_memory

Each training is a process of its own: of arrays of 0, 47, 470 and 983 MB in memory, and
of 500, 2,000 and 8,000 JPEG files that are streamed. `fit` gets the arrays as bytes,
and scales them in the network; files it gets from `image_dataset_from_directory`.
Printed is the peak resident memory in MiB.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.speed import memory

# The number of images of 128x128x3, and of files.
_ARRAYS = (100, 960, 9_560, 20_000)
_FILES = (500, 2_000, 8_000)
_STEPS, _BATCH = 40, 32
_VALIDATION = 100
_WHYFLAT = "from framework.commands import main; main()"
# The network of both.
_FILTERS, _DENSE = 8, 16


def main() -> None:
    """Prints a line for each data set."""
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--fit", help="train on this file or folder with `fit`, and end"
    )
    parser.add_argument("--arrays", type=int, nargs="*", default=_ARRAYS)
    parser.add_argument("--files", type=int, nargs="*", default=_FILES)
    chosen = parser.parse_args()
    if chosen.fit:
        fit(Path(chosen.fit))
        return
    with tempfile.TemporaryDirectory() as place:
        for count in chosen.arrays:
            path = Path(place, f"{count}.npz")
            size = write(path, count)
            spec = f"arrays({str(path)!r})"
            row(f"{count} images, {size:,.0f} MB", spec, path, ["--input=memory"])
            path.unlink()
        for count in chosen.files:
            path = Path(place, str(count))
            memory.make(path, count)
            spec = f"folder({str(path)!r}, size=64)"
            flags = ["--input=stream", "--cache=off"]
            row(f"{count} files, streamed", spec, path, flags)


def row(name: str, spec: str, path: Path, flags: Sequence[str]) -> None:
    """Trains with both, and prints the peaks."""
    with tempfile.TemporaryDirectory() as workdir:
        ours = peak(
            [
                "-c",
                _WHYFLAT,
                "train",
                f"--dataset={spec}",
                f"--model=cnn(filters=({_FILTERS},), dense={_DENSE})",
                f"--train_for={_STEPS}",
                f"--batch_size={_BATCH}",
                f"--workdir={workdir}/run",
                *flags,
            ]
        )
    theirs = peak(["-m", "benchmarks.speed.peak_memory", f"--fit={path}"])
    print(f"{name:28} whyflat {ours:7,.0f}   Keras {theirs:7,.0f}", flush=True)


def peak(arguments: Sequence[str]) -> float:
    """Returns the peak resident memory of a Python process, in MiB."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{arguments} failed: {process.returncode}")
    return usage.ru_maxrss / 1024


def write(path: Path, count: int) -> float:
    """Writes random images and labels to an .npz file; returns their MB."""
    generator = np.random.default_rng(0)
    arrays = {}
    for name, images in (("train", count), ("validation", _VALIDATION)):
        shape = images, 128, 128, 3
        arrays[f"x_{name}"] = generator.integers(256, size=shape, dtype=np.uint8)
        arrays[f"y_{name}"] = np.arange(images, dtype=np.int32) % 10
    np.savez(path, **arrays)
    return arrays["x_train"].nbytes / 1e6


def fit(path: Path) -> None:
    """Trains with Keras."""
    import keras

    layers = keras.layers
    if path.is_dir():
        train = keras.utils.image_dataset_from_directory(
            path, image_size=(64, 64), batch_size=_BATCH, verbose=False
        )
        shape, classes, labels = (64, 64, 3), 2, None
        train, validation = train.repeat(), train.take(3)
    else:
        content = np.load(path)
        train, labels = content["x_train"], content["y_train"]
        validation = content["x_validation"], content["y_validation"]
        shape, classes = train.shape[1:], 10
    model = keras.Sequential(
        [
            keras.Input(shape),
            layers.Rescaling(1 / 255),
            layers.Conv2D(_FILTERS, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(_DENSE, activation="relu"),
            layers.Dense(classes, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(
        train,
        labels,
        batch_size=None if labels is None else _BATCH,
        steps_per_epoch=_STEPS,
        validation_data=validation,
        verbose=0,
    )


if __name__ == "__main__":
    main()
