"""Held out: runs of this framework, with a fault in their config or with none."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import keras

from benchmarks.zoo.cases.calibration.recipes import run
from benchmarks.zoo.cases.calibration.runs import seeded
from benchmarks.zoo.cases.case import Case, Run, case
from framework.config import Config

_BASE = Config(dataset="digits", train_for="20ep", checkpoint_every="100%")
_SMALL = "drawn_flowers(train=600, validation=400, size=20)"
_FLOWERS = dataclasses.replace(
    _BASE, dataset=_SMALL, model="cnn(filters=(12, 24), dense=48)", train_for="25ep"
)
_SGD = dataclasses.replace(
    _BASE,
    model="mlp(units=(48, 48))",
    optimizer="sgd(momentum=.9)",
    learning_rate=0.02,
    train_for="25ep",
)
_HERE = "benchmarks.zoo.cases.report.runs"


def stacked(
    image_shape: tuple[int, int, int], num_classes: int, activation: str = "relu"
) -> keras.Model:
    """Seven dense layers of 24."""
    inputs = keras.Input(image_shape)
    features = keras.layers.Flatten()(inputs)
    for _ in range(7):
        features = keras.layers.Dense(24, activation=activation)(features)
    return keras.Model(inputs, keras.layers.Dense(num_classes)(features))


def changed(base: Config, **fault: Any) -> Callable[[int, bool], Run]:
    """Returns a function that builds a run of a config, with a fault or without."""

    def make(seed: int, broken: bool) -> Run:
        config = dataclasses.replace(base, **fault) if broken else base
        return Run(seeded(config, seed))

    return make


_DEEP = dataclasses.replace(_BASE, model=f"{_HERE}:stacked()", train_for="30ep")
_TURNED = (
    "drawn_flowers(train=600, validation=400, size=20, light=1.4, validation_light=1.4)"
)
_ONE_LIGHT = (
    "drawn_flowers(train=600, validation=400, size=20, light=0, validation_light=1.4)"
)

CASES: tuple[Case, ...] = (
    case(
        "run: SGD 1.5",
        "own: P1",
        "digits",
        "learning_rate_too_high|exploding_gradients|dead_units",
        changed(_SGD, learning_rate=1.5),
    ),
    case(
        "run: clipped to nothing",
        "own: P2",
        "digits",
        "learning_rate_too_low|stopped_too_early",
        changed(_SGD, clip_norm=1e-3),
    ),
    case(
        "run: decay of 60",
        "own: P10",
        "flowers",
        "over_regularized",
        changed(_FLOWERS, optimizer="adamw(weight_decay=60)"),
    ),
    case(
        "run: one light",
        "own: D5",
        "flowers",
        "distribution_shift|homogeneous_training_data",
        changed(
            dataclasses.replace(_FLOWERS, dataset=_TURNED, train_for="35ep"),
            dataset=_ONE_LIGHT,
        ),
    ),
    case(
        "run: seven sigmoids",
        "own: P3",
        "digits",
        "vanishing_gradients|bad_initialization",
        changed(_DEEP, model=f"{_HERE}:stacked('sigmoid')"),
    ),
    case(
        "run: nadam, small flowers",
        "recipe",
        "flowers",
        "",
        run(_FLOWERS, optimizer="nadam", schedule="cosine", train_for="35ep"),
        floor=0.8,
    ),
    case(
        "run: one cycle",
        "H11",
        "digits",
        "",
        run(_SGD, schedule="one_cycle", learning_rate=0.05),
        floor=0.92,
    ),
    case(
        "run: lion",
        "recipe",
        "digits",
        "",
        run(_BASE, model="mlp(units=(48,))", optimizer="lion", learning_rate=3e-4),
        floor=0.92,
    ),
    case("run: deep stack", "recipe", "digits", "", run(_DEEP), floor=0.88),
)
