"""Ordinary good programs and runs: nothing is wrong with them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from benchmarks.zoo.cases.calibration.runs import seeded
from benchmarks.zoo.cases.calibration.unusual import program
from benchmarks.zoo.cases.case import Case, Program, Run, case
from benchmarks.zoo.cases.data import digits, flowers, rng
from benchmarks.zoo.cases.recipe import (
    CNN,
    FASHION,
    FLOWERS,
    MLP,
    SGD,
    Batches,
    compiled,
    healthy,
)
from framework.config import Config

layers = keras.layers

_BASE = Config(dataset="digits", train_for="20ep", checkpoint_every="100%")
_FLOWERS = dataclasses.replace(
    _BASE,
    dataset="drawn_flowers(train=500, validation=400, size=24)",
    model="cnn(filters=(16, 32), dense=64)",
)


def run(base: Config, **changes: Any) -> Callable[[int, bool], Run]:
    """Returns a function that builds a run of a config with changes."""
    return lambda seed, broken: Run(seeded(dataclasses.replace(base, **changes), seed))


class TwoPaths(keras.Model):
    """A model written as a class, with two paths that are added up."""

    def __init__(self):
        super().__init__()
        self.flat = layers.Flatten()
        self.wide = layers.Dense(64, activation="relu")
        self.deep = [layers.Dense(32, activation="relu") for _ in range(2)]
        self.head = layers.Dense(10, activation="softmax")

    def call(self, images):
        """Returns probabilities."""
        flat = self.flat(images)
        deep = flat
        for layer in self.deep:
            deep = layer(deep)
        return self.head(layers.concatenate([self.wide(flat), deep]))


def subclassed(seed: int, broken: bool) -> Program:
    """A subclassed model."""
    return program(
        compiled(TwoPaths()), digits(seed).inputs(lambda x: x / 255), epochs=25
    )


def augmented(seed: int, broken: bool) -> Program:
    """Layers that mirror and move the images while training."""
    data = flowers(seed)
    model = keras.Sequential(
        [
            keras.Input((24, 24, 3)),
            layers.Rescaling(1 / 255),
            layers.RandomFlip("horizontal"),
            layers.RandomTranslation(0.04, 0.04, fill_mode="nearest"),
            FLOWERS.network((24, 24, 3), 5),
        ]
    )
    rate = keras.optimizers.schedules.CosineDecay(3e-3, 60 * 13)
    return program(compiled(model, keras.optimizers.Adam(rate)), data, 60)


def transferred(seed: int, broken: bool) -> Program:
    """A normalizing layer that was adapted, and pooling over all places."""
    data = flowers(seed)
    scale = layers.Normalization()
    scale.adapt(data.x)
    model = keras.Sequential(
        [
            keras.Input((24, 24, 3)),
            scale,
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, activation="relu"),
            layers.GlobalMaxPooling2D(),
            layers.Dense(32, activation="relu"),
            layers.Dense(5, activation="softmax"),
        ]
    )
    return program(compiled(model, keras.optimizers.Adam(3e-3)), data, 25)


class Balanced(keras.utils.PyDataset):
    """Batches of three images of each class, which stand there class by class.

    Args:
        images: [N, ...].
        labels: int [N].
    """

    def __init__(self, images: np.ndarray, labels: np.ndarray):
        super().__init__()
        self._images, self._labels, self._draws = images, labels, rng(0)
        self._members = [np.flatnonzero(labels == each) for each in range(10)]

    def __len__(self) -> int:
        return len(self._labels) // 30

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        rows = np.concatenate([self._draws.choice(each, 3) for each in self._members])
        return self._images[rows], self._labels[rows]


def balanced(seed: int, broken: bool) -> Program:
    """A sampler that draws all classes equally often, on purpose."""
    data = digits(seed).inputs(lambda x: x / 255)
    model = compiled(MLP.network((8, 8, 1), 10))
    train, validation = Balanced(data.x, data.y), (data.vx, data.vy)
    return Program(
        model, train, Batches(validation, 100, False), (data.tx, data.ty), 30, None
    )


_COSINE = "warmup(10%) + cosine"

CASES: tuple[Case, ...] = (
    case("plain CNN", "recipe", "digits", "", healthy(CNN), floor=0.93),
    case("plain MLP", "recipe", "digits", "", healthy(MLP.but(epochs=30)), floor=0.92),
    case("SGD", "recipe", "digits", "", healthy(SGD), floor=0.92),
    case("clothes", "recipe", "fashion", "", healthy(FASHION), floor=0.8),
    case(
        "flowers", "recipe", "flowers", "", healthy(FLOWERS.but(epochs=50)), floor=0.85
    ),
    case("subclassed", "recipe", "digits", "", subclassed, floor=0.92),
    case("augmented", "recipe", "flowers", "", augmented, floor=0.8),
    case("normalized inside", "recipe", "flowers", "", transferred, floor=0.8),
    case("run: CNN", "recipe", "digits", "", run(_BASE), floor=0.95),
    case(
        "run: cosine",
        "H11, H12",
        "flowers",
        "",
        run(_FLOWERS, schedule=_COSINE, train_for="25ep"),
        floor=0.85,
    ),
    case(
        "run: augmented",
        "H3",
        "flowers",
        "",
        run(_FLOWERS, augment="rotate(10) + shift(.05) + flip", train_for="45ep"),
        floor=0.85,
    ),
    case(
        "run: average of weights", "H16", "digits", "", run(_BASE, ema=0.98), floor=0.95
    ),
    case(
        "run: mixup",
        "H14",
        "digits",
        "",
        run(_BASE, augment="mixup(.2)", train_for="25ep"),
        floor=0.93,
    ),
    case(
        "run: bfloat16",
        "H19",
        "digits",
        "",
        run(_BASE, precision="bfloat16"),
        floor=0.93,
    ),
    case("H25 balanced batches", "H25", "digits", "", balanced, floor=0.92),
    case(
        "run: float16",
        "H19",
        "digits",
        "",
        run(_BASE, precision="float16", model="mlp(units=(64,))"),
        floor=0.93,
    ),
    case(
        "run: accumulated, clipped",
        "H18",
        "digits",
        "",
        run(_BASE, accumulate=4, clip_norm=1.0),
        floor=0.93,
    ),
    case(
        "run: plateau",
        "H13",
        "flowers",
        "",
        run(_FLOWERS, schedule="plateau('validation/loss', patience=3)"),
        floor=0.85,
    ),
    case(
        "run: label smoothing",
        "H14",
        "flowers",
        "",
        run(_FLOWERS, label_smoothing=0.1),
        floor=0.85,
    ),
    case(
        "run: ResNet",
        "H8",
        "digits",
        "",
        run(
            _BASE,
            model="resnet(depth=8, width=8)",
            optimizer="sgd(momentum=.9)",
            learning_rate=0.05,
            schedule=_COSINE,
            train_for="12ep",
        ),
        floor=0.93,
    ),
    case(
        "run: weight decay",
        "recipe",
        "digits",
        "",
        run(_BASE, model="mlp(units=(64,))", optimizer="adamw", learning_rate=2e-3),
        floor=0.93,
    ),
    case(
        "run: stopped by patience",
        "H29",
        "flowers",
        "",
        run(_FLOWERS, early_stopping=5, train_for="40ep"),
        floor=0.85,
    ),
)
