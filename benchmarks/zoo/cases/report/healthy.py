"""Held out: good recipes, trained to the end or to the limit of their data."""

from __future__ import annotations

import functools

import keras
import numpy as np
import tensorflow as tf

from benchmarks.zoo.cases import spoil
from benchmarks.zoo.cases.case import Case, Program, case
from benchmarks.zoo.cases.data import Data, Generator
from benchmarks.zoo.cases.recipe import healthy
from benchmarks.zoo.cases.report import nets, sources
from benchmarks.zoo.cases.report.plan import (
    BLURRED,
    FIGURES,
    LETTERS,
    SPIRALS,
    STRIPES,
    TOPICS,
    TUMOURS,
    WARDROBE,
    WAVES,
    WINES,
    adamw,
    falling,
    rmsprop,
    sgd,
)
from benchmarks.zoo.cases.report.stepped import Stepped
from benchmarks.zoo.cases.report.steps import Jittered

layers = keras.layers


def wrong_everywhere(data: Data, draws: Generator) -> Data:
    """One label of ten is wrong, in all splits: no model can be right about those."""

    def some(labels: np.ndarray) -> np.ndarray:
        wrong = draws.random(len(labels)) < 0.1
        other = labels + draws.integers(1, data.classes, len(labels))
        return np.where(wrong, other % data.classes, labels)

    return data.but(y=some(data.y), vy=some(data.vy), ty=some(data.ty))


class Looking(keras.Model):
    """Attention over parts of a signal, written as a class.

    Args:
        classes: How many.
    """

    def __init__(self, classes: int):
        super().__init__()
        self.parts = layers.Conv1D(24, 8, 4, activation="relu")
        self.norms = [layers.LayerNormalization() for _ in range(2)]
        self.attention = layers.MultiHeadAttention(2, 12)
        self.wide = layers.Dense(48, activation="gelu")
        self.narrow = layers.Dense(24)
        self.head = layers.Dense(classes, activation="softmax")

    def call(self, signals: tf.Tensor) -> tf.Tensor:
        """Returns probabilities."""
        parts = self.parts(signals)
        normed = self.norms[0](parts)
        parts = parts + self.attention(normed, normed)
        parts = parts + self.narrow(self.wide(self.norms[1](parts)))
        return self.head(tf.reduce_max(parts, axis=1))


def jittered(seed: int, broken: bool) -> Program:
    """A generator moves and lights training images; others stay as they are."""
    program = LETTERS.but(optimizer=falling(5e-3, 40 * 40), epochs=40).program(seed)
    train, validation = (
        Jittered(*program.train, most=1),
        Jittered(*program.validation, 0),
    )
    return Program(program.model, train, validation, program.test, 40, None)


def two_inputs(shape: tuple[int, ...], classes: int) -> keras.Model:
    """Two paths from one table, one of them straight to the answer."""
    inputs = keras.Input(shape)
    hidden = layers.Dense(24, activation="elu")(inputs)
    hidden = layers.Dense(12, activation="elu")(hidden)
    both = layers.Concatenate()([inputs, hidden])
    return keras.Model(inputs, layers.Dense(classes, activation="softmax")(both))


_FEW = functools.partial(
    sources.letters, train=120, alphabet="AHKS", turn=6.0, noise=8.0
)

CASES: tuple[Case, ...] = (
    case("wines", "H22", "wines", "", healthy(WINES), floor=0.88),
    case("tumours", "recipe", "tumours", "", healthy(TUMOURS), floor=0.93),
    case("letters", "recipe", "letters", "", healthy(LETTERS), floor=0.92),
    case("figures", "recipe", "figures", "", healthy(FIGURES), floor=0.9),
    case("stripes", "H2", "stripes", "", healthy(STRIPES), floor=0.95),
    case("wardrobe", "recipe", "wardrobe", "", healthy(WARDROBE), floor=0.85),
    case("spirals", "recipe", "spirals", "", healthy(SPIRALS), floor=0.95),
    case("waves", "recipe", "waves", "", healthy(WAVES), floor=0.93),
    case("topics", "recipe", "topics", "", healthy(TOPICS), floor=0.85),
    case(
        "ninety figures to validate on",
        "H22",
        "figures",
        "",
        healthy(FIGURES.but(spoil=spoil.few_validated(90))),
        floor=0.9,
    ),
    case(
        "a hundred and twenty letters",
        "H22",
        "letters",
        "",
        healthy(LETTERS.but(data=_FEW, net=nets.strided(dropout=0.3), batch=16)),
        floor=0.9,
    ),
    case(
        "one wrong in ten, everywhere",
        "H23",
        "waves",
        "",
        healthy(
            WAVES.but(
                spoil=wrong_everywhere,
                net=nets.signal(dropout=0.3),
                optimizer=falling(3e-3, 30 * 22),
            )
        ),
        floor=0.8,
    ),
    case("blurred spirals", "H23", "spirals", "", healthy(BLURRED), floor=0.55),
    case("letters moved in training", "H3", "letters", "", jittered, floor=0.92),
    case(
        "attention over waves",
        "recipe",
        "waves",
        "",
        healthy(WAVES.but(net=lambda shape, classes: Looking(classes), epochs=40)),
        floor=0.88,
    ),
    case(
        "two paths of tumours",
        "recipe",
        "tumours",
        "",
        healthy(TUMOURS.but(net=two_inputs, optimizer=rmsprop(2e-3))),
        floor=0.9,
    ),
    case(
        "step written out, tf.data",
        "tf #35585, mended",
        "stripes",
        "",
        healthy(STRIPES.but(wrap=Stepped, feed="dataset")),
        floor=0.95,
    ),
    case(
        "decay and sequence",
        "recipe",
        "wardrobe",
        "",
        healthy(
            WARDROBE.but(
                net=nets.dense((128, 64), dropout=0.3),
                optimizer=adamw(1e-3, 0.02),
                feed="sequence",
                epochs=35,
            )
        ),
        floor=0.85,
    ),
    case(
        "momentum and layer norm",
        "recipe",
        "letters",
        "",
        healthy(LETTERS.but(net=nets.strided(norm="layer"), optimizer=sgd(0.02, 0.9))),
        floor=0.92,
    ),
)
