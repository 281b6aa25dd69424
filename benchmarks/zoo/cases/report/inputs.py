"""Held out: faults of inputs, by shift between splits, scaling and preparation."""

from __future__ import annotations

import numpy as np

from benchmarks.zoo.cases import spoil
from benchmarks.zoo.cases.case import Case, case
from benchmarks.zoo.cases.data import Data, Generator
from benchmarks.zoo.cases.recipe import faulty
from benchmarks.zoo.cases.report import nets, sources
from benchmarks.zoo.cases.report.plan import (
    FIGURES,
    LETTERS,
    STRIPES,
    TUMOURS,
    WARDROBE,
    WAVES,
    WINES,
    sgd,
)


def turned(seed: int, train: float, other: float) -> Data:
    """Letters that are turned by so much in training, and by so much later."""
    known = sources.letters(seed, 2400, turn=train)
    later = sources.letters(seed + 300, turn=other)
    return later.but(x=known.x, y=known.y)


def hum(x: np.ndarray, draws: Generator) -> np.ndarray:
    """Readings of a sensor with a weak signal, and the mains in it."""
    time = np.arange(64)[:, None] / 64
    start = draws.uniform(0, 1, (len(x), 1, 1))
    wave = np.sin(2 * np.pi * (13 * time[None] + start))
    return (0.6 * x + 0.8 * wave + 0.5).astype(np.float32)


def another_sensor(data: Data, draws: Generator) -> Data:
    """Validates, and later works, with another sensor than that of training."""
    return data.but(vx=hum(data.vx, draws), tx=hum(data.tx, draws))


def both_sensors(data: Data, draws: Generator) -> Data:
    """Trains with both sensors, each example with either."""
    other = draws.random((len(data.x), 1, 1)) < 0.7
    x = np.where(other, hum(data.x, draws), data.x)
    return another_sensor(data.but(x=x), draws)


def _elsewhere(x: np.ndarray, scale: np.ndarray) -> np.ndarray:
    return (x * scale).astype(np.float32)


def another_laboratory(data: Data, draws: Generator) -> Data:
    """The laboratory of the later tumours measures a third of the columns higher."""
    scale = np.where(np.arange(data.x.shape[1]) % 3 == 0, 1.5, 1.0)
    return data.but(vx=_elsewhere(data.vx, scale), tx=_elsewhere(data.tx, scale))


def one_laboratory(data: Data, draws: Generator) -> Data:
    """All tumours were measured there."""
    scale = np.where(np.arange(data.x.shape[1]) % 3 == 0, 1.5, 1.0)
    return another_laboratory(data.but(x=_elsewhere(data.x, scale)), draws)


def only_some_scaled(data: Data) -> Data:
    """Standardizes the training rows, and brings the others to 0 to 1."""
    low, high = data.x.min(axis=0), data.x.max(axis=0)
    other = data.inputs(lambda x: (x - low) / (high - low))
    return other.but(x=sources.standardized(data).x)


def two_ranges(data: Data) -> Data:
    """Training images from -1 to 1, the others from 0 to 1."""
    other = data.inputs(lambda x: x / 255)
    return other.but(x=2 * other.x - 1)


_RAW = "unnormalized_inputs|learning_rate_too_high|dead_units|exploding_gradients"
_SHIFT = "distribution_shift|preprocessing_mismatch"
_OTHER = "preprocessing_mismatch|distribution_shift"
_SENSORS = WAVES.but(spoil=both_sensors, epochs=50)
_GROWN = WINES.but(optimizer=sgd(0.05, 0.9))
_TANH = WARDROBE.but(
    net=nets.dense((96, 48), "tanh", init="glorot_uniform"), optimizer=sgd(0.02, 0.9)
)

CASES: tuple[Case, ...] = (
    case(
        "letters that stand straight",
        "own: D5",
        "letters",
        "distribution_shift|homogeneous_training_data",
        faulty(
            LETTERS.but(data=lambda seed: turned(seed, 60.0, 60.0), epochs=40),
            data=lambda seed: turned(seed, 5.0, 60.0),
        ),
    ),
    case(
        "another sensor",
        "own: D5",
        "waves",
        _SHIFT,
        faulty(_SENSORS, spoil=another_sensor),
    ),
    case(
        "another laboratory",
        "own: D5",
        "tumours",
        _SHIFT,
        faulty(TUMOURS.but(spoil=one_laboratory), spoil=another_laboratory),
    ),
    case(
        "wines in their own units",
        "SO 39525358",
        "wines",
        _RAW,
        faulty(_GROWN, scale=lambda data: data),
    ),
    case(
        "raw pixels into tanh",
        "SO 48594888",
        "wardrobe",
        f"{_RAW}|vanishing_gradients",
        faulty(_TANH, scale=lambda data: data),
    ),
    case(
        "rows scaled in two ways",
        "own: D7",
        "wines",
        _OTHER,
        faulty(WINES, scale=only_some_scaled),
    ),
    case(
        "read from below",
        "own: D7",
        "letters",
        _OTHER,
        faulty(LETTERS, spoil=spoil.validated_otherwise(lambda x: x[:, ::-1])),
    ),
    case(
        "rows for columns",
        "own: D7",
        "stripes",
        _OTHER,
        faulty(
            STRIPES,
            spoil=spoil.validated_otherwise(lambda x: x.transpose(0, 2, 1, 3)),
        ),
    ),
    case(
        "from -1 and from 0",
        "SO 59325381, reversed",
        "figures",
        _OTHER,
        faulty(FIGURES, scale=two_ranges),
    ),
)
