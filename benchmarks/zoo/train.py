"""Trains the programs of the zoo, and measures their true accuracy."""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import io
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from benchmarks.zoo import fit
from benchmarks.zoo.cases import Program, Run
from framework import data as data_lib
from framework.launch.run import run as run_config
from framework.numerics import outputs


@dataclasses.dataclass(frozen=True)
class Trained:
    """The result of a training.

    Attributes:
        accuracy: On the test images.
        reported: The last validation accuracy that the program itself says.
        curve: Validation accuracy by evaluation, as the program says.
    """

    accuracy: float
    reported: float
    curve: tuple[float, ...]

    @property
    def error(self) -> float:
        """The error of the reported accuracy."""
        return abs(self.reported - self.accuracy)


@contextlib.contextmanager
def alone(seed: int) -> Iterator[None]:
    """Clears the state of other programs, and sets all seeds."""
    # That each program is traced anew is no news here.
    tf.get_logger().setLevel("ERROR")
    keras.utils.clear_session()
    gc.collect()
    keras.utils.set_random_seed(seed)
    yield


def train(
    program: Program | Run,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    folder: Path | None = None,
) -> Trained:
    """Trains a program, as its author would.

    Args:
        program: What to train.
        callbacks: Of `fit`, besides its own.
        folder: Of a run of this framework; a temporary one if None.
    """
    if isinstance(program, Program):
        return _fit(program, callbacks)
    if folder is not None:
        return _run(program, folder)
    with tempfile.TemporaryDirectory() as temporary:
        return _run(program, Path(temporary) / "run")


def _fit(program: Program, callbacks: Sequence[keras.callbacks.Callback]) -> Trained:
    logs = fit.fit(program, callbacks)
    name = next(each for each in logs[0] if each.startswith("val_acc"))
    curve = tuple(round(each[name], 4) for each in logs)
    return Trained(tested(program), curve[-1], curve)


def longer(program: Program | Run) -> Program | Run:
    """Returns a program that trains for twice as long."""
    if isinstance(program, Program):
        return dataclasses.replace(program, epochs=2 * program.epochs)
    length = f"{2 * int(program.config.train_for.removesuffix('ep'))}ep"
    config = dataclasses.replace(program.config, train_for=length)
    return dataclasses.replace(program, config=config)


def _rate_times(factor: float) -> Callable[[Program], Program]:
    def change(program: Program) -> Program:
        optimizer = program.model.optimizer
        optimizer.learning_rate = factor * float(optimizer.learning_rate)
        return program

    return change


# What people try first. A case without a fault gains nothing by any of them.
USUAL_FIXES: dict[str, Callable[[Program], Program]] = {
    "twice as long": longer,
    "a third of the rate": _rate_times(1 / 3),
    "three times the rate": _rate_times(3),
}


def tested(program: Program) -> float:
    """Returns the accuracy of a program's model on its test images."""
    images, labels = program.test
    batches = [
        program.model(images[start : start + 500].astype(np.float32), training=False)
        for start in range(0, len(images), 500)
    ]
    values = np.concatenate(batches).reshape(len(labels), -1)
    return float(np.mean(outputs.predicted(values) == labels))


def _run(program: Run, folder: Path) -> Trained:
    config = dataclasses.replace(program.config, workdir=str(folder))
    with contextlib.redirect_stdout(io.StringIO()):
        result = run_config(config)
    rows = result.history.rows
    curve = tuple(round(float(row["validation/accuracy"]), 4) for row in rows)
    if program.test is None:
        split = data_lib.build(config.dataset).validation
    else:
        split = program.test()
    if config.ema:
        # What is evaluated is the average, which is in no model of the result's.
        accuracy = curve[-1]
    else:
        probabilities = result.predict(split.images)
        accuracy = float(np.mean(probabilities.argmax(axis=1) == split.labels))
    return Trained(accuracy, curve[-1], curve)
