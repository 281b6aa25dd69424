"""Overfitting, too much against it, and networks that are too small."""

from __future__ import annotations

import keras

from benchmarks.zoo.cases import spoil
from benchmarks.zoo.cases.case import Case, Program, case
from benchmarks.zoo.cases.data import flowers, moons
from benchmarks.zoo.cases.recipe import (
    CNN,
    FASHION,
    FASHION_MLP,
    FLOWERS,
    MLP,
    Recipe,
    compiled,
    faulty,
)

layers = keras.layers


def few_flowers(seed: int, broken: bool) -> Program:
    """A network of 70,000 weights for 80 pictures; the mended one has 600."""
    data = flowers(seed, train=80 if broken else 600).inputs(lambda x: x / 255)
    model = keras.Sequential(
        [
            keras.Input((24, 24, 3)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dense(5, activation="softmax"),
        ]
    )
    compiled(model, keras.optimizers.Adam(1e-3))
    return Program(
        model,
        (data.x, data.y),
        (data.vx, data.vy),
        (data.tx, data.ty),
        epochs=60 if broken else 30,
        batch_size=16,
    )


def dropout_everywhere(seed: int, broken: bool) -> Program:
    """Half of everything is dropped after each convolution."""
    data = flowers(seed).inputs(lambda x: x / 255)
    rate = 0.6 if broken else 0.0
    model = keras.Sequential([keras.Input((24, 24, 3))])
    for count in (16, 16, 32):
        model.add(layers.Conv2D(count, 3, activation="relu", padding="same"))
        model.add(layers.MaxPooling2D())
        model.add(layers.Dropout(rate))
    model.add(layers.Flatten())
    model.add(layers.Dense(64, activation="relu"))
    model.add(layers.Dropout(rate))
    model.add(layers.Dense(5, activation="softmax"))
    compiled(model, keras.optimizers.Adam(2e-3))
    return Program(
        model, (data.x, data.y), (data.vx, data.vy), (data.tx, data.ty), epochs=40
    )


def wild_augmentation(seed: int, broken: bool) -> Program:
    """Pictures are turned and moved until nothing is left of them."""
    data = flowers(seed).inputs(lambda x: x / 255)
    change = [layers.RandomFlip("horizontal")]
    if broken:
        change += [
            layers.RandomTranslation(0.6, 0.6, fill_mode="constant"),
            layers.RandomBrightness(0.8, value_range=(0, 1)),
            layers.GaussianNoise(0.8),
        ]
    model = keras.Sequential(
        [keras.Input((24, 24, 3)), *change, FLOWERS.network((24, 24, 3), 5)]
    )
    compiled(model, keras.optimizers.Adam(3e-3))
    return Program(
        model, (data.x, data.y), (data.vx, data.vy), (data.tx, data.ty), epochs=40
    )


def two_units(seed: int, broken: bool) -> Program:
    """Two half rings, and a network that can draw two lines at most."""
    data = moons(seed)
    model = keras.Sequential(
        [
            keras.Input((2,)),
            layers.Dense(1 if broken else 32, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    compiled(model, keras.optimizers.Adam(1e-2), "binary_crossentropy")
    return Program(
        model, (data.x, data.y), (data.vx, data.vy), (data.tx, data.ty), epochs=40
    )


_RINGS = Recipe("circles", scale=1.0, units=(32,), learning_rate=1e-2, epochs=40)
_WIDE = FASHION_MLP.but(units=(256,))

CASES: tuple[Case, ...] = (
    case("eighty flowers", "keras-resnet #29", "flowers", "overfitting", few_flowers),
    case(
        "sixty digits",
        "own: P9",
        "digits",
        "overfitting",
        faulty(MLP.but(epochs=60), spoil=spoil.few_trained(60)),
    ),
    case(
        "a hundred pieces of clothing",
        "own: P9",
        "fashion",
        "overfitting",
        faulty(_WIDE.but(epochs=40), spoil=spoil.few_trained(100)),
    ),
    case(
        "dropout everywhere",
        "hotdog d45a91e",
        "flowers",
        "over_regularized",
        dropout_everywhere,
    ),
    case(
        "dropout .9",
        "SO 60566498",
        "digits",
        "over_regularized",
        faulty(CNN.but(units=(32,)), dropout=0.9),
    ),
    case(
        "L2 .1",
        "I8 TheDeepChecker over_reg",
        "fashion",
        "over_regularized",
        faulty(FASHION, l2=0.1),
    ),
    case(
        "L2 .3, digits",
        "I8 TheDeepChecker over_reg",
        "digits",
        "over_regularized",
        faulty(MLP, l2=0.3),
    ),
    case(
        "wild augmentation",
        "I6 wrong_augmentation",
        "flowers",
        "over_regularized",
        wild_augmentation,
    ),
    case(
        "two half rings, one unit",
        "kerasma 2a2a46f",
        "moons",
        "insufficient_capacity",
        two_units,
    ),
    case(
        "rings without hidden layer",
        "Defects4ML 027",
        "circles",
        "insufficient_capacity",
        faulty(_RINGS, units=()),
    ),
    case(
        "two units in the middle",
        "own: P13",
        "digits",
        "insufficient_capacity",
        faulty(MLP.but(units=(32, 32), epochs=40), units=(32, 2)),
    ),
    case(
        "one filter",
        "own: P13",
        "flowers",
        "insufficient_capacity",
        faulty(FLOWERS, filters=(1, 1), units=(3,)),
    ),
)
