"""Healthy programs that a published rule takes for broken ones."""

from __future__ import annotations

import keras

from benchmarks.zoo.cases import spoil
from benchmarks.zoo.cases.calibration.rulers import averaged
from benchmarks.zoo.cases.calibration.steps import looped
from benchmarks.zoo.cases.calibration.unusual import (
    deep_tanh,
    focal,
    frozen_start,
    overlapping,
    parity,
    sampled_dropout,
    sigmoids_with_cross_entropy,
    two_heads_alike,
    zero_residuals,
)
from benchmarks.zoo.cases.case import Case, case
from benchmarks.zoo.cases.data import Data, Generator
from benchmarks.zoo.cases.recipe import (
    CNN,
    FASHION,
    FASHION_MLP,
    FLOWERS,
    MLP,
    SGD,
    healthy,
)

layers = keras.layers
optimizers = keras.optimizers
losses = keras.losses


def standardized(data: Data, draws: Generator) -> Data:
    """Brings inputs to mean 0 and deviation 1, which is outside of -1 to 1."""
    mean, deviation = data.x.mean(), data.x.std()
    return data.inputs(lambda x: (x - mean) / deviation)


def warm_cosine(peak: float, epochs: int, per_epoch: int) -> optimizers.schedules:
    """Returns a rate that is warmed up for a tenth, and then falls as a cosine."""
    steps = epochs * per_epoch
    return optimizers.schedules.CosineDecay(
        peak / 100, int(0.9 * steps), warmup_target=peak, warmup_steps=steps // 10
    )


def _smooth() -> losses.Loss:
    return losses.CategoricalCrossentropy(label_smoothing=0.1)


def _logits() -> losses.Loss:
    return losses.SparseCategoricalCrossentropy(from_logits=True)


_STEPS = 29
_WARM = SGD.but(learning_rate=warm_cosine(0.4, 25, _STEPS), norm=True, epochs=25)
_DECAY = optimizers.schedules.PiecewiseConstantDecay([16 * _STEPS], [0.5, 0.01])
_STEP_DECAY = SGD.but(learning_rate=_DECAY, norm=True, batch=32, epochs=24)
_FLOWERS = FLOWERS.but(epochs=40)
_NORM = FLOWERS.but(norm=True, learning_rate=1e-3, epochs=50)

CASES: tuple[Case, ...] = (
    case(
        "H1 standardized",
        "H1",
        "fashion",
        "",
        healthy(FASHION.but(spoil=standardized, scale=1.0)),
        floor=0.8,
    ),
    case(
        "H1 standardized digits",
        "H1",
        "digits",
        "",
        healthy(MLP.but(spoil=standardized, scale=1.0)),
        floor=0.92,
    ),
    case(
        "H2 very good",
        "H2",
        "digits",
        "",
        healthy(CNN.but(epochs=30, norm=True)),
        floor=0.96,
    ),
    case(
        "H3 validation above training",
        "H3",
        "flowers",
        "",
        healthy(_FLOWERS.but(dropout=0.4, epochs=60)),
        floor=0.8,
    ),
    case(
        "H4 softmax by its name",
        "H4",
        "flowers",
        "",
        healthy(_FLOWERS.but(feed="dataset")),
        floor=0.85,
    ),
    case(
        "H5 logits",
        "H5",
        "digits",
        "",
        healthy(CNN.but(head=None, loss=_logits())),
        floor=0.93,
    ),
    case(
        "H5 logits, fashion",
        "H5",
        "fashion",
        "",
        healthy(FASHION.but(head=None, loss=_logits())),
        floor=0.8,
    ),
    case(
        "H6 sparse units",
        "H6",
        "fashion",
        "",
        healthy(FASHION_MLP.but(units=(256, 128))),
        floor=0.8,
    ),
    case("H7 zero residuals", "H7", "digits", "", zero_residuals, floor=0.92),
    case("H8 bias before batch norm", "H8", "flowers", "", healthy(_NORM), floor=0.85),
    case("H9 frozen features", "H9", "digits", "", frozen_start, floor=0.9),
    case(
        "H10 dropout .6",
        "H10",
        "fashion",
        "",
        healthy(FASHION.but(units=(256,), dropout=0.6)),
        floor=0.8,
    ),
    case(
        "H10 dropout .6, digits",
        "H10",
        "digits",
        "",
        healthy(CNN.but(units=(256,), dropout=0.6)),
        floor=0.93,
    ),
    case(
        "H11 warm-up and cosine", "H11, H12", "digits", "", healthy(_WARM), floor=0.93
    ),
    case("H13 before the decay", "H13", "digits", "", healthy(_STEP_DECAY), floor=0.93),
    case(
        "H14 label smoothing",
        "H14",
        "fashion",
        "",
        healthy(FASHION.but(one_hot=True, loss=_smooth())),
        floor=0.8,
    ),
    case(
        "H14 label smoothing, digits",
        "H14",
        "digits",
        "",
        healthy(CNN.but(one_hot=True, loss=_smooth())),
        floor=0.93,
    ),
    case("H15 focal loss", "H15", "flowers", "", focal, floor=0.8),
    case(
        "H15 binary cross-entropy",
        "H15",
        "digits",
        "",
        healthy(
            MLP.but(head="sigmoid", loss="binary_crossentropy", one_hot=True, epochs=30)
        ),
        floor=0.92,
    ),
    case(
        "H16 average of weights",
        "H16",
        "digits",
        "",
        averaged(MLP, 0.9, 0.9),
        floor=0.92,
    ),
    case(
        "H17 learnt by heart",
        "H17",
        "digits",
        "",
        healthy(CNN.but(units=(128,), epochs=40)),
        floor=0.93,
    ),
    case(
        "H18 clipped",
        "H18",
        "fashion",
        "",
        healthy(FASHION_MLP.but(options={"global_clipnorm": 0.5}, epochs=40)),
        floor=0.8,
    ),
    case(
        "H18 accumulated",
        "H18",
        "digits",
        "",
        healthy(MLP.but(options={"gradient_accumulation_steps": 4}, batch=8)),
        floor=0.9,
    ),
    case(
        "H20 ten to one",
        "H20",
        "fashion",
        "",
        healthy(FASHION_MLP.but(spoil=spoil.imbalanced(4))),
        floor=0.78,
    ),
    case(
        "H20 five to one digits",
        "H20",
        "digits",
        "",
        healthy(CNN.but(spoil=spoil.imbalanced(4))),
        floor=0.93,
    ),
    case(
        "H21 a few duplicates",
        "H21",
        "flowers",
        "",
        healthy(_FLOWERS.but(spoil=spoil.leaked(0.03))),
        floor=0.85,
    ),
    case(
        "H22 five hundred to validate on",
        "H22",
        "fashion",
        "",
        healthy(FASHION.but(feed="sequence", epochs=35)),
        floor=0.8,
    ),
    case("H23 overlapping clouds", "H23", "blobs", "", overlapping, floor=0.7),
    case("parity", "SO 56380303", "native", "", parity, floor=0.4),
    case(
        "H24 large batch",
        "H24",
        "digits",
        "",
        healthy(MLP.but(batch=128, learning_rate=5e-3)),
        floor=0.92,
    ),
    case("H26 sampled dropout", "H26", "digits", "", sampled_dropout, floor=0.92),
    case(
        "H27 momentum .9",
        "H27",
        "fashion",
        "",
        healthy(FASHION.but(norm=True)),
        floor=0.8,
    ),
    case("H28 deep tanh", "H28", "digits", "", deep_tanh, floor=0.9),
    case("two heads alike", "SO 50481178", "blobs", "", two_heads_alike, floor=0.8),
    case(
        "sigmoids with cross-entropy",
        "SO 51930566",
        "blobs",
        "",
        sigmoids_with_cross_entropy,
        floor=0.85,
    ),
    case(
        "loop of one's own", "tf #35585, mended", "digits", "", looped(CNN), floor=0.93
    ),
    case(
        "loop with batch norm",
        "tf #31184, mended",
        "flowers",
        "",
        looped(_NORM),
        floor=0.85,
    ),
)
