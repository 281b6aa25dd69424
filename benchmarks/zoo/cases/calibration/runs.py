"""Runs of this framework that are broken on purpose: experiments/static_accuracy."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable
from typing import Any

from benchmarks.zoo.cases.case import Case, Run, case
from framework import data as data_lib
from framework.config import Config
from framework.data.split import Split


def seeded(config: Config, seed: int) -> Config:
    """Returns the config of another seed, with other images."""
    name = config.dataset.removesuffix(")")
    comma = "" if name.endswith("(") else ", "
    text = f"{name}{comma}seed={2 * seed})" if "(" in name else f"{name}(seed={seed})"
    return dataclasses.replace(config, dataset=text, seed=seed)


def _flowers(config: Config, seed: int, changes: dict[str, Any]) -> Callable[[], Split]:
    """Returns a function that draws other flowers, in the conditions of validation."""
    text = config.dataset.removesuffix(")")
    for old in ("train=500", "train=150", "train=60"):
        text = text.replace(old, "train=1")
    for old in ("validation=400", "validation=16"):
        text = text.replace(old, "validation=500")
    text = text.replace("duplicates=.6", "duplicates=0")

    def draw() -> Split:
        return data_lib.build(f"{text}, seed={2 * seed + 1})").validation

    return draw


def experiment(name: str, **mended: Any) -> Callable[[int, bool], Run]:
    """Returns a function that builds an experiment, as it is or with a fixed config."""

    def make(seed: int, broken: bool) -> Run:
        module = importlib.import_module(f"experiments.static_accuracy.{name}")
        config = module.CONFIG
        if not broken:
            config = dataclasses.replace(config, **mended)
        config = dataclasses.replace(config, checkpoint_every="100%")
        test = None
        if config.dataset.startswith("drawn_flowers"):
            test = _flowers(config, seed, mended)
        return Run(seeded(config, seed), test)

    return make


_DATA = "drawn_flowers(train=500, validation=400, size=24)"
_NETS = "experiments.static_accuracy.networks"
_CNN = "cnn(filters=(16, 32), dense=64)"
_ALIKE = (
    "drawn_flowers(train=500, validation=400, size=24, blur=2.5, noise=40, "
    "validation_blur=2.5, validation_noise=40)"
)
_LOW = "batch_size_too_large|learning_rate_too_low|stopped_too_early"
_RAW = "unnormalized_inputs|learning_rate_too_high|dead_units|exploding_gradients"

CASES: tuple[Case, ...] = (
    case(
        "run: label noise",
        "own: D1",
        "flowers",
        "label_noise",
        experiment("label_noise", dataset=_DATA),
    ),
    case(
        "run: imbalance",
        "own: D3",
        "flowers",
        "class_imbalance",
        experiment("class_imbalance", dataset=_DATA),
    ),
    case(
        "run: duplicates",
        "own: D4",
        "flowers",
        "split_leakage",
        experiment(
            "split_leakage",
            dataset="drawn_flowers(train=150, validation=400, size=24)",
        ),
        ruler=True,
    ),
    case(
        "run: another camera",
        "own: D5",
        "flowers",
        "distribution_shift|preprocessing_mismatch",
        experiment("distribution_shift", dataset=_ALIKE),
    ),
    case(
        "run: Adam .05",
        "own: P1",
        "flowers",
        "learning_rate_too_high|exploding_gradients|dead_units",
        experiment("learning_rate_too_high", learning_rate=1e-3),
    ),
    case(
        "run: Adam 2e-6",
        "own: P2",
        "flowers",
        "learning_rate_too_low",
        experiment("learning_rate_too_low", learning_rate=1e-3),
    ),
    case(
        "run: sixty flowers",
        "own: P9",
        "flowers",
        "overfitting",
        experiment("overfitting", dataset=_DATA, train_for="20ep"),
    ),
    case(
        "run: dropped and erased",
        "own: P10",
        "flowers",
        "over_regularized",
        experiment("over_regularized", augment="flip", model=_CNN),
    ),
    case(
        "run: two units",
        "own: P13",
        "digits",
        "insufficient_capacity",
        experiment("insufficient_capacity", model="mlp(units=(64,))"),
    ),
    case(
        "run: slow statistics",
        "own: P11",
        "flowers",
        "train_eval_mismatch",
        experiment(
            "train_eval_mismatch", model=f"{_NETS}:slow_statistics(momentum=.9)"
        ),
    ),
    case(
        "run: frozen",
        "own: P5",
        "flowers",
        "frozen_weights",
        experiment("frozen_weights", model=f"{_NETS}:frozen(trainable=True)"),
    ),
    case(
        "run: constant weights",
        "own: P12",
        "digits",
        "bad_initialization",
        experiment("bad_initialization", model=f"{_NETS}:constant()"),
    ),
    case(
        "run: sixteen to validate on",
        "own: D8",
        "flowers",
        "validation_too_small",
        experiment("validation_too_small", dataset=_DATA),
        ruler=True,
    ),
    case(
        "run: two epochs",
        "own: P14",
        "flowers",
        "stopped_too_early|learning_rate_too_low",
        experiment("stopped_too_early", train_for="20ep"),
    ),
    case(
        "run: one batch",
        "own: P8",
        "flowers",
        _LOW,
        experiment("batch_size_too_large", batch_size=16),
    ),
    case(
        "run: raw pixels",
        "own: D6",
        "flowers",
        _RAW,
        experiment("unnormalized_inputs", normalize="standard"),
    ),
)
