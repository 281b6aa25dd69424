"""Held out: custom training steps, and wrong evaluations."""

from __future__ import annotations

import keras
import numpy as np

from benchmarks.zoo.cases.calibration.rulers import Random
from benchmarks.zoo.cases.case import Case, Program, case
from benchmarks.zoo.cases.data import rng
from benchmarks.zoo.cases.recipe import faulty
from benchmarks.zoo.cases.report import nets
from benchmarks.zoo.cases.report.plan import (
    FIGURES,
    LETTERS,
    WARDROBE,
    WAVES,
    Plan,
    adam,
    sgd,
)
from benchmarks.zoo.cases.report.stepped import (
    ByDataset,
    Copied,
    EvaluatedAsTrained,
    HeadTaught,
    NeverCounted,
    Stepped,
    SumOfMeans,
)


class Jittered(keras.utils.PyDataset):
    """Batches of images that are moved and lit anew whenever somebody looks."""

    def __init__(self, images: np.ndarray, labels: np.ndarray, most: int):
        super().__init__()
        self._images, self._labels, self._most = images, labels, most
        self._draws = rng(5)

    def __len__(self) -> int:
        return -(-len(self._labels) // 40)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        rows, most = slice(index * 40, index * 40 + 40), self._most
        images = self._images[rows]
        if most:
            moves = self._draws.integers(-most, most + 1, (len(images), 2))
            pairs = zip(images, moves, strict=True)
            images = np.stack([np.roll(one, by, axis=(0, 1)) for one, by in pairs])
            images *= self._draws.uniform(0.4, 1.2, (len(images), 1, 1, 1))
        return images.astype(np.float32), self._labels[rows]


def noisy_validation(seed: int, broken: bool) -> Program:
    """The generator of training signals, with noise in them, serves the others too."""
    program = WAVES.but(epochs=40).program(seed)
    train = Random(*program.train, 1.2)
    validation = Random(*program.validation, 1.2 if broken else 0.0)
    return Program(program.model, train, validation, program.test, 40, None)


def _top_five() -> tuple:
    return (keras.metrics.SparseTopKCategoricalAccuracy(name="accuracy"),)


def _warm() -> keras.optimizers.Optimizer:
    schedule = keras.optimizers.schedules.CosineDecay(
        1e-4, 25 * 38, warmup_target=0.2, warmup_steps=2 * 38
    )
    return keras.optimizers.SGD(schedule)


_DIVIDED = "replica_scaling|learning_rate_too_low|loss_output_mismatch"
_ADDED = (
    "replica_scaling|learning_rate_too_high|loss_output_mismatch|"
    "exploding_gradients|dead_units"
)
_LOOP = LETTERS.but(optimizer=sgd(0.03, 0.9), wrap=Stepped)
_WARM_LOOP: Plan = WARDROBE.but(optimizer=_warm, wrap=Stepped, batch=32, epochs=27)
_NARROW = WARDROBE.but(net=nets.dense((12, 6)), optimizer=adam(5e-3), wrap=Stepped)
_DROPPED = WAVES.but(net=nets.signal(norm="batch", dropout=0.5))

CASES: tuple[Case, ...] = (
    case(
        "statistics of .9998",
        "keras #6977, #9214",
        "figures",
        "train_eval_mismatch",
        faulty(FIGURES, net=nets.separable(momentum=0.9998)),
    ),
    case(
        "evaluated as in training",
        "tf #35585",
        "waves",
        "train_eval_mismatch|random_validation",
        faulty(_DROPPED, wrap=EvaluatedAsTrained),
        ruler=True,
    ),
    case(
        "divided by the data set",
        "tf #52589",
        "letters",
        f"{_DIVIDED}|stopped_too_early",
        faulty(_LOOP, wrap=ByDataset),
    ),
    case(
        "means of sixteen devices, added",
        "tf #45923, keras #16285",
        "letters",
        _ADDED,
        faulty(_LOOP, wrap=SumOfMeans),
    ),
    case(
        "only the head is taught",
        "own: P16",
        "wardrobe",
        "wrong_variables|frozen_weights",
        faulty(_NARROW, wrap=HeadTaught),
    ),
    case(
        "warm-up that never ends",
        "tf #51795",
        "wardrobe",
        "learning_rate_frozen|learning_rate_too_low",
        faulty(_WARM_LOOP, wrap=NeverCounted),
    ),
    case(
        "noisy waves in validation",
        "own: P17",
        "waves",
        "random_validation|preprocessing_mismatch",
        noisy_validation,
        ruler=True,
    ),
    case(
        "right among the first five",
        "keras-style metric",
        "wardrobe",
        "metric_bug",
        faulty(WARDROBE, metrics=_top_five),
        ruler=True,
    ),
    case(
        "copied each thousand steps",
        "own: P19",
        "figures",
        "stale_evaluation_weights",
        faulty(
            FIGURES.but(wrap=lambda network: Copied(network, 1)),
            wrap=lambda network: Copied(network, 1000),
        ),
    ),
)
