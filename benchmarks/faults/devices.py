"""Draws runs with --shards, and changes the number of their devices in between.

    python -m benchmarks.faults.devices
    python -m benchmarks.faults.devices --number=20 --seed=1

Each run has flags drawn at random, of everything that could depend on the number of
devices: the network, the optimizer, the schedule, augmentation, the loss, precision,
sampling, what happens to gradients that are not finite. It is trained on one device; on
two; and on one, two and four in an order that is drawn, interrupted in between, each
time after another checkpoint. Rows, checkpoints and curves of all three must have the
same bits.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import tensorflow as tf

from benchmarks.faults import report, same_run
from benchmarks.faults.report import Progress, Tally
from framework.config import Config
from framework.errors import UsageError
from framework.launch.run import run
from framework.loop.train_loop import TrainLoop

_NUMBER = 10
_DEVICES = (1, 2, 4)
_STEPS = 18
# Calls of a step each, after which there is another checkpoint.
_CHECKPOINTS, _CALLS = "2", (3, 4, 5)
# Draws for each run; most fit together.
_TRIES = 20
# Values of each flag. The number of images fills no batch at the end of an epoch.
_VALUES: Mapping[str, Sequence[Any]] = {
    "model": (
        "mlp(units=(8,), dropout=.3)",
        "cnn(filters=(4,), dense=8, dropout=.5)",
        "resnet(depth=8, width=4)",
        "vit(width=8, depth=1, heads=2, dropout=.2)",
    ),
    "dataset": (
        "noise(train=75, validation=21, size=8)",
        "noise(train=88, validation=21, size=8)",
    ),
    "batch_size": (16, 32),
    "shards": (4, 8),
    "optimizer": (
        "adam",
        "adamw(weight_decay=.01)",
        "sgd(momentum=.9, nesterov=True)",
        "lion",
        "rmsprop",
    ),
    "learning_rate": (0.003, 0.05),
    "schedule": (
        "constant",
        "warmup(10%) + cosine",
        "(warmup(10%) + cosine) * plateau('validation/loss', patience=1)",
        "greedy('validation/loss', patience=1)",
    ),
    "augment": (
        "",
        "rotate(20) + flip + brightness(.2)",
        "mixup(.4) + cutmix(p=.5)",
        "randaugment + erase",
        "shift(.1) + noise(5) + mixup",
    ),
    # With bytes as they are, the first gradients overflow float16.
    "normalize": ("standard", "unit", "samplewise", "zca", "none"),
    "loss": ("cross_entropy", "focal", "poly1", "logit_adjusted", "ohem(.5)"),
    "label_smoothing": (0.0, 0.1),
    "precision": ("float32", "float32", "bfloat16", "float16"),
    "ema": (0.0, 0.9),
    "clip_norm": (0.0, 0.5),
    "sampling": ("uniform", "balanced"),
    "on_nonfinite": ("stop", "skip", "rollback"),
    "input": ("auto", "stream"),
    "train_dev": (0.0, 0.1),
    "evaluate_every": ("1ep", "4"),
}


class _InterruptedError(Exception):
    """Training was interrupted on purpose."""


@dataclasses.dataclass(frozen=True)
class Part:
    """A part of a run.

    Attributes:
        devices: The number of devices.
        calls: After how many calls of the training loop it is interrupted; None if not.
    """

    devices: int
    calls: int | None = None


def draw(generator: np.random.Generator) -> dict[str, Any]:
    """Returns the fields of a config; some of them do not fit together."""
    return {
        name: values[generator.integers(len(values))]
        for name, values in _VALUES.items()
    }


def difference(fields: Mapping[str, Any], parts: Sequence[Part]) -> str | None:
    """Trains on one device, on two, and in parts; returns the first difference.

    Args:
        fields: Of the config.
        parts: The parts of the third run.

    Raises:
        UsageError: The fields do not fit together.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        base = Config(
            **fields,
            threads=1,
            train_for=str(_STEPS),
            checkpoint_every=_CHECKPOINTS,
            log_every="4",
            steps_per_call=1,
            keep_checkpoints=20,
        )
        ways = {
            "one": [Part(1)],
            "two devices": [Part(2)],
            " then ".join(str(part.devices) for part in parts): parts,
        }
        for name, way in ways.items():
            config = dataclasses.replace(base, workdir=str(folder / name))
            try:
                _train(config, way)
            except UsageError as refusal:
                if name == "one":
                    raise
                return f"{name}: refused: {refusal}"
            problem = same_run.difference(folder / name, folder / "one")
            if problem:
                return f"{name}: {problem}"
    return None


def _train(config: Config, parts: Sequence[Part]) -> None:
    for part in parts:
        strategy = "default" if part.devices == 1 else "mirrored"
        devices = 0 if part.devices == 1 else part.devices
        config = dataclasses.replace(config, strategy=strategy, devices=devices)
        try:
            with mock.patch.object(TrainLoop, "__call__", _counted(part.calls)):
                run(config)
        except _InterruptedError:
            continue
        return


def _counted(limit: int | None) -> Callable[[TrainLoop, int, int], None]:
    """Returns the call of a training loop, which is interrupted after some calls."""
    call, calls = TrainLoop.__call__, 0

    def counted(loop: TrainLoop, *arguments: int) -> None:
        nonlocal calls
        if calls == limit:
            raise _InterruptedError
        calls += 1
        call(loop, *arguments)

    return counted


def vary(seed: int, number: int | None, only: str = "") -> list[Tally]:
    """Compares runs; returns their tally.

    Args:
        seed: From which they are drawn.
        number: How many of them.
        only: Only those with this text in their flags.
    """
    _divide_cpu()
    number = _NUMBER if number is None else number
    generator = np.random.default_rng(seed)
    tally = Tally("runs with other devices in between")
    progress = Progress(tally.kind, number)
    for _ in range(_TRIES * number):
        if tally.tried == number:
            break
        fields = draw(generator)
        order = generator.permutation(_DEVICES)
        parts = [Part(int(each), int(generator.choice(_CALLS))) for each in order]
        text = " ".join(f"--{name}={value}" for name, value in fields.items())
        if only not in text:
            continue
        try:
            problem = difference(
                fields, [*parts, Part(int(generator.choice(_DEVICES)))]
            )
        except UsageError:
            continue
        except Exception as failure:
            problem = f"{type(failure).__name__}: {str(failure)[:200]}"
        tally.add(text, problem)
        progress.show(tally)
    return [tally]


def _divide_cpu() -> None:
    """Makes as many logical devices as any of the runs needs."""
    (cpu,) = tf.config.list_physical_devices("CPU")
    if not tf.config.get_logical_device_configuration(cpu):
        devices = [tf.config.LogicalDeviceConfiguration()] * max(_DEVICES)
        tf.config.set_logical_device_configuration(cpu, devices)


if __name__ == "__main__":
    report.main(__doc__ or "", vary)
