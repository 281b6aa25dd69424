"""Good recipes of a few kinds, from which most cases differ in one setting."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks.zoo.cases.case import Program
from benchmarks.zoo.cases.data import SOURCES, Data, rng
from benchmarks.zoo.cases.spoil import Spoil

Pairs = tuple[np.ndarray, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How to train; the names are those of Keras."""

    data: str = "digits"
    data_options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    spoil: Spoil | None = None
    scale: float = 1 / 255
    filters: tuple[int, ...] = ()
    units: tuple[int, ...] = (64,)
    activation: str = "relu"
    init: Any = "glorot_uniform"
    bias: Any = "zeros"
    norm: bool = False
    norm_momentum: float = 0.9
    dropout: float = 0.0
    l2: float = 0.0
    head: Any = "softmax"
    optimizer: Callable[..., keras.optimizers.Optimizer] = keras.optimizers.Adam
    learning_rate: Any = 1e-3
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    loss: Any = "sparse_categorical_crossentropy"
    one_hot: bool = False
    epochs: int = 25
    batch: int = 32
    feed: str = "arrays"
    callbacks: Callable[[], tuple[keras.callbacks.Callback, ...]] = tuple

    def but(self, **changes: Any) -> Recipe:
        """Returns a copy with some changes."""
        return dataclasses.replace(self, **changes)

    def read(self, seed: int) -> Data:
        """Returns the data of a seed, corrupted and scaled."""
        data = SOURCES[self.data](seed, **self.data_options)
        if self.spoil:
            data = self.spoil(data, rng(seed + 2))
        return data.inputs(lambda x: x * self.scale)

    def network(self, shape: tuple[int, ...], classes: int) -> keras.Sequential:
        """Returns a network, not compiled."""
        layers = keras.layers
        options = {
            "kernel_initializer": _again(self.init),
            "kernel_regularizer": keras.regularizers.L2(self.l2) if self.l2 else None,
            "bias_initializer": _again(self.bias),
        }
        model = keras.Sequential([keras.Input(shape)])
        for count in self.filters:
            model.add(layers.Conv2D(count, 3, padding="same", **options))
            self._normalized(model)
            model.add(layers.MaxPooling2D())
        if len(shape) > 1:
            model.add(layers.Flatten())
        for count in self.units:
            model.add(layers.Dense(count, **options))
            self._normalized(model)
            if self.dropout:
                model.add(layers.Dropout(self.dropout))
        options = options | {"bias_initializer": "zeros"}
        model.add(layers.Dense(classes, activation=self.head, **options))
        return model

    def _normalized(self, model: keras.Sequential) -> None:
        if self.norm:
            model.add(keras.layers.BatchNormalization(momentum=self.norm_momentum))
        model.add(keras.layers.Activation(self.activation))

    def program(self, seed: int) -> Program:
        """Returns the program of a seed."""
        data = self.read(seed)
        model = self.network(data.x.shape[1:], data.classes)
        compiled(
            model, self.optimizer(self.learning_rate, **self.options), loss=self.loss
        )
        y, vy = data.y, data.vy
        if self.one_hot:
            y, vy = (keras.utils.to_categorical(each, data.classes) for each in (y, vy))
        given = FEEDS[self.feed]((data.x, y), (data.vx, vy), self.batch)
        batch = self.batch if self.feed.startswith("arrays") else None
        return Program(
            model,
            *given,
            (data.tx, data.ty),
            self.epochs,
            batch,
            self.callbacks(),
        )


def faulty(recipe: Recipe, **fault: Any) -> Callable[[int, bool], Program]:
    """Returns a function that builds a program of a recipe, with a fault or without."""

    def make(seed: int, broken: bool) -> Program:
        return (recipe.but(**fault) if broken else recipe).program(seed)

    return make


def healthy(recipe: Recipe) -> Callable[[int, bool], Program]:
    """Returns a function that builds a program of a recipe."""
    return lambda seed, broken: recipe.program(seed)


def compiled(
    model: keras.Model,
    optimizer: Any = "adam",
    loss: Any = "sparse_categorical_crossentropy",
    metrics: tuple[Any, ...] = ("accuracy",),
) -> keras.Model:
    """Compiles a model without XLA, which would take longer than training."""
    model.compile(optimizer, loss=loss, metrics=list(metrics), jit_compile=False)
    return model


def _again(initializer: Any) -> Any:
    """Returns a new initializer for each layer: one object draws the same for all."""
    return initializer() if callable(initializer) else initializer


def _datasets(train: Pairs, validation: Pairs, batch: int) -> tuple[Any, Any]:
    source = tf.data.Dataset.from_tensor_slices
    mixed = source(train).shuffle(len(train[1]), reshuffle_each_iteration=True)
    return mixed.batch(batch).prefetch(2), source(validation).batch(256)


def _in_order(train: Pairs, validation: Pairs, batch: int) -> tuple[Any, Any]:
    source = tf.data.Dataset.from_tensor_slices
    return source(train).batch(batch), source(validation).batch(256)


class Batches(keras.utils.PyDataset):
    """Batches of arrays, in a new order each epoch or always in the same."""

    def __init__(self, pairs: Pairs, batch: int, shuffle: bool):
        super().__init__()
        self._pairs, self._batch, self._shuffle = pairs, batch, shuffle
        self._draws = rng(0)
        self._order = np.arange(len(pairs[1]))
        self.on_epoch_end()

    def __len__(self) -> int:
        return -(-len(self._order) // self._batch)

    def __getitem__(self, index: int) -> Pairs:
        rows = self._order[index * self._batch :][: self._batch]
        return self._pairs[0][rows], self._pairs[1][rows]

    def on_epoch_end(self) -> None:
        """Draws the next epoch's order."""
        if self._shuffle:
            self._order = self._draws.permutation(len(self._order))


def _sequences(train: Pairs, validation: Pairs, batch: int) -> tuple[Any, Any]:
    return Batches(train, batch, True), Batches(validation, 256, False)


def _sequences_in_order(train: Pairs, validation: Pairs, batch: int) -> tuple[Any, Any]:
    return Batches(train, batch, False), Batches(validation, 256, False)


FEEDS: dict[str, Callable[[Pairs, Pairs, int], tuple[Any, Any]]] = {
    "arrays": lambda train, validation, batch: (train, validation),
    "dataset": _datasets,
    "dataset in order": _in_order,
    "sequence": _sequences,
    "sequence in order": _sequences_in_order,
}

MLP = Recipe()
CNN = Recipe(filters=(16, 32), epochs=20)
# A training that momentum carries; its rate is as high as is good.
SGD = MLP.but(optimizer=keras.optimizers.SGD, learning_rate=0.1)
SGD_CNN = CNN.but(optimizer=keras.optimizers.SGD, learning_rate=0.1)
FLOWERS = Recipe("flowers", filters=(16, 32), learning_rate=3e-3, epochs=30)
FASHION = Recipe("fashion", filters=(8, 16), epochs=20, batch=64)
FASHION_MLP = Recipe("fashion", epochs=20, batch=64)
FASHION_SGD = FASHION_MLP.but(
    optimizer=keras.optimizers.SGD, learning_rate=0.1, epochs=25
)
FLOWERS_SGD = FLOWERS.but(
    optimizer=keras.optimizers.SGD, learning_rate=0.03, options={"momentum": 0.9}
)
