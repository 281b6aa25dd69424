"""Builds the programs of the held-out half."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import keras

from benchmarks.zoo.cases.case import Program
from benchmarks.zoo.cases.data import Data, rng
from benchmarks.zoo.cases.recipe import FEEDS, compiled
from benchmarks.zoo.cases.report import nets, sources
from benchmarks.zoo.cases.spoil import Spoil

optimizers = keras.optimizers


@dataclasses.dataclass(frozen=True)
class Plan:
    """Model, data and training; `faulty` and `healthy` build programs of it.

    Attributes:
        data: The data of a seed.
        net: The network, for a shape and a number of classes.
        spoil: What is done to the data before they are scaled.
        scale: What their author does to inputs.
        wrap: What becomes of the network, such as a model with a step of its own.
        optimizer: Makes the optimizer.
        loss: As Keras takes it.
        one_hot: Whether labels are one-hot.
        metrics: Makes the metrics.
        epochs: How many.
        batch: Examples in a step.
        feed: One of `FEEDS`.
        callbacks: Makes those of `fit`.
    """

    data: Callable[[int], Data]
    net: nets.Net
    spoil: Spoil | None = None
    scale: Callable[[Data], Data] = lambda data: data
    wrap: Callable[[keras.Model], keras.Model] = lambda model: model
    optimizer: Callable[[], keras.optimizers.Optimizer] = lambda: optimizers.Adam(3e-3)
    loss: Any = "sparse_categorical_crossentropy"
    one_hot: bool = False
    metrics: Callable[[], tuple] = lambda: ("accuracy",)
    epochs: int = 30
    batch: int = 32
    feed: str = "arrays"
    callbacks: Callable[[], tuple[keras.callbacks.Callback, ...]] = tuple

    def but(self, **changes: Any) -> Plan:
        """Returns a copy with some changes."""
        return dataclasses.replace(self, **changes)

    def program(self, seed: int) -> Program:
        """Returns the program of a seed."""
        data = self.data(seed)
        if self.spoil:
            data = self.spoil(data, rng(seed + 2))
        data = self.scale(data)
        model = self.wrap(self.net(data.x.shape[1:], data.classes))
        compiled(model, self.optimizer(), self.loss, self.metrics())
        y, vy = data.y, data.vy
        if self.one_hot:
            y, vy = (keras.utils.to_categorical(each, data.classes) for each in (y, vy))
        given = FEEDS[self.feed]((data.x, y), (data.vx, vy), self.batch)
        batch = self.batch if self.feed == "arrays" else None
        test = (data.tx, data.ty)
        return Program(model, *given, test, self.epochs, batch, self.callbacks())


def unit(data: Data) -> Data:
    """Pixels from 0 to 1."""
    return data.inputs(lambda x: x / 255)


def centred(data: Data) -> Data:
    """Pixels of mean 0 and deviation 1 over the training images."""
    mean, deviation = data.x.mean(), data.x.std()
    return data.inputs(lambda x: (x - mean) / deviation)


def symmetric(data: Data) -> Data:
    """Pixels from -1 to 1."""
    return data.inputs(lambda x: x / 127.5 - 1)


def adam(rate: Any, **options: Any) -> Callable[[], keras.optimizers.Optimizer]:
    """Returns a function that builds Adam."""
    return lambda: optimizers.Adam(rate, **options)


def falling(peak: float, steps: int) -> Callable[[], keras.optimizers.Optimizer]:
    """Returns a function that builds Adam with a rate that falls to 0 as a cosine."""
    return lambda: optimizers.Adam(optimizers.schedules.CosineDecay(peak, steps))


def sgd(rate: Any, momentum: float = 0.0, **options: Any):
    """Returns a function that builds SGD."""
    return lambda: optimizers.SGD(rate, momentum=momentum, **options)


def rmsprop(rate: Any) -> Callable[[], keras.optimizers.Optimizer]:
    """Returns a function that builds RMSprop."""
    return lambda: optimizers.RMSprop(rate)


def adamw(rate: Any, decay: float) -> Callable[[], keras.optimizers.Optimizer]:
    """Returns a function that builds AdamW."""
    return lambda: optimizers.AdamW(rate, weight_decay=decay)


WINES = Plan(
    sources.wines,
    nets.dense((16,)),
    scale=sources.standardized,
    optimizer=adam(5e-3),
    batch=16,
    epochs=40,
)
TUMOURS = Plan(
    sources.tumours,
    nets.dense((24, 12)),
    scale=sources.standardized,
    optimizer=sgd(0.05, 0.9),
)
LETTERS = Plan(sources.letters, nets.strided(), scale=unit)
FIGURES = Plan(
    sources.figures,
    nets.separable(),
    scale=symmetric,
    optimizer=falling(6e-3, 40 * 22),
    epochs=40,
)
STRIPES = Plan(sources.stripes, nets.residual(), scale=centred)
WARDROBE = Plan(
    sources.wardrobe,
    nets.dense((96, 48)),
    scale=unit,
    optimizer=adamw(2e-3, 1e-4),
    batch=64,
    epochs=20,
)
SPIRALS = Plan(sources.spirals, nets.dense((32, 32)), optimizer=rmsprop(5e-3))
BLURRED = Plan(
    functools.partial(sources.spirals, train=900, noise=0.8),
    nets.dense((24,)),
    optimizer=adam(5e-3),
)
WAVES = Plan(sources.waves, nets.signal())
TOPICS = Plan(sources.topics, nets.words(dropout=0.5), optimizer=adam(5e-4), epochs=25)
