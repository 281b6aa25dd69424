"""Held out: faults of labels and of how data are divided."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import tensorflow as tf

from benchmarks.zoo.cases import spoil
from benchmarks.zoo.cases.case import Case, Program, case
from benchmarks.zoo.cases.data import Data, Generator, rng
from benchmarks.zoo.cases.recipe import faulty
from benchmarks.zoo.cases.report import nets, sources
from benchmarks.zoo.cases.report.plan import (
    BLURRED,
    FIGURES,
    LETTERS,
    STRIPES,
    TUMOURS,
    WARDROBE,
    WAVES,
    WINES,
    Plan,
    sgd,
)
from benchmarks.zoo.cases.spoil import Spoil


def from_one(data: Data, draws: Generator) -> Data:
    """Counts classes from 1, as the program that wrote the table does."""
    return data.but(y=data.y + 1, vy=data.vy + 1)


def votes(seed: int, broken: bool) -> Program:
    """Labels are how many of 15 people said so, where shares are meant."""
    program = _VOTED.program(seed)
    x, y = program.train
    others = rng(seed + 3).multinomial(3, np.full(y.shape[1], 1 / y.shape[1]), len(y))
    counts = 12 * y + others
    return dataclasses.replace(program, train=(x, counts if broken else counts / 15))


def alike(pairs: dict[int, int], share: float) -> Spoil:
    """Takes some classes for each other in a share of the training images."""

    def spoilt(data: Data, draws: Generator) -> Data:
        other = np.arange(data.classes)
        for one, two in pairs.items():
            other[[one, two]] = two, one
        wrong = draws.random(len(data.y)) < share
        return data.but(y=np.where(wrong, other[data.y], data.y))

    return spoilt


def careless(data: Data, draws: Generator) -> Data:
    """The second of two people guessed all of their labels."""
    wrong = np.arange(len(data.y)) >= len(data.y) // 2
    guess = draws.integers(data.classes, size=len(data.y))
    return data.but(y=np.where(wrong, guess, data.y))


def a_batch_late(data: Data, draws: Generator) -> Data:
    """Labels of the batch before, as two queues that start apart give them."""
    return data.but(y=np.roll(data.y, 32))


def rare(classes: tuple[int, ...], share: float) -> Spoil:
    """Keeps a share of the training images of some classes."""

    def spoilt(data: Data, draws: Generator) -> Data:
        lost = np.isin(data.y, classes) & (draws.random(len(data.y)) >= share)
        return data.but(x=data.x[~lost], y=data.y[~lost])

    return spoilt


def copied_first(data: Data, draws: Generator) -> Data:
    """Moves and darkens each of 120 images seven times, and only then divides them."""
    rows = np.arange(840) % 120
    x = data.x[rows] * draws.uniform(0.8, 1.0, (840, 1, 1, 1)).astype(np.float32)
    order = draws.permutation(840)
    x, y = x[order], data.y[rows][order]
    return data.but(x=x[:600], y=y[:600], vx=x[600:], vy=y[600:])


def one_video(data: Data, draws: Generator) -> Data:
    """As many images, but all of them frames of three scenes a class."""
    first = [np.flatnonzero(data.y == each)[:3] for each in range(data.classes)]
    rows = draws.choice(np.concatenate(first), len(data.y))
    light = draws.uniform(0.85, 1.1, (len(rows), 1, 1, 1)).astype(np.float32)
    x = np.stack(
        [np.roll(each, draws.integers(-1, 2), axis=1) for each in data.x[rows]]
    )
    return data.but(x=np.clip(light * x, 0, 255), y=data.y[rows])


def in_order_of_class(data: Data, draws: Generator) -> Data:
    """Divides rows that lie class by class, the first of them for training."""
    return spoil.sorted_split(data, draws)


def small_buffer(seed: int, broken: bool) -> Program:
    """Files lie in a folder for each class, and the buffer that mixes them is small."""
    plan = STRIPES.but(spoil=spoil.sorted_training, net=nets.strided())
    program = plan.but(optimizer=sgd(0.05, 0.9), batch=32).program(seed)
    files = tf.data.Dataset.from_tensor_slices(program.train)
    files = files.shuffle(16 if broken else len(program.train[1]), seed=seed)
    validation = tf.data.Dataset.from_tensor_slices(program.validation).batch(256)
    return Program(
        program.model,
        files.batch(32),
        validation,
        program.test,
        program.epochs,
        batch_size=None,
    )


_VOTED = LETTERS.but(
    one_hot=True, loss="categorical_crossentropy", optimizer=sgd(0.1, 0.9)
)
_BINARY = TUMOURS.but(
    net=lambda shape, classes: nets.dense((24, 12), head="sigmoid")(shape, 1),
    loss="binary_crossentropy",
)
_WIDE = WAVES.but(net=nets.dense((256, 128)), epochs=40)
_FEW = WARDROBE.but(
    data=functools.partial(sources.wardrobe, train=250), epochs=30, batch=32
)
_WAVES: Plan = WAVES.but(net=nets.signal((24, 48)), epochs=40)

CASES: tuple[Case, ...] = (
    case(
        "tumours as 1 and 2",
        "labels of another program",
        "tumours",
        "illegal_labels|loss_output_mismatch",
        faulty(_BINARY, spoil=from_one),
    ),
    case(
        "votes for shares",
        "one-hot rows that add up to 15",
        "letters",
        "illegal_labels|learning_rate_too_high|exploding_gradients|dead_units",
        votes,
    ),
    case(
        "letters that look alike",
        "deepcrime overlap classes",
        "letters",
        "label_noise",
        faulty(LETTERS, spoil=alike({1: 2, 4: 6, 3: 5}, 0.42)),
    ),
    case(
        "two fifths of waves",
        "deepcrime change labels",
        "waves",
        "label_noise",
        faulty(_WAVES, spoil=spoil.label_noise(0.4)),
    ),
    case(
        "one who guesses",
        "own: D1",
        "figures",
        "label_noise",
        faulty(FIGURES, spoil=careless),
    ),
    case(
        "joined by another key",
        "misaligned table",
        "tumours",
        "shuffled_labels",
        faulty(TUMOURS, spoil=spoil.shuffled_images),
    ),
    case(
        "labels of the batch before",
        "own: D2",
        "stripes",
        "shuffled_labels",
        faulty(STRIPES, spoil=a_batch_late, feed="sequence"),
    ),
    case(
        "three rare kinds",
        "deepcrime unbalance",
        "wardrobe",
        "class_imbalance",
        faulty(WARDROBE, spoil=rare((0, 2, 4), 0.03)),
    ),
    case(
        "ever rarer letters",
        "I7 TheDeepChecker unbalanced_data",
        "letters",
        "class_imbalance",
        faulty(LETTERS, spoil=spoil.imbalanced(60)),
    ),
    case(
        "moved, then divided",
        "own: D4",
        "letters",
        "split_leakage",
        faulty(LETTERS, spoil=copied_first),
        ruler=True,
    ),
    case(
        "validated on what is known",
        "own: D4",
        "wardrobe",
        "split_leakage",
        faulty(_FEW, spoil=spoil.leaked(0.75, jitter=0.0)),
        ruler=True,
    ),
    case(
        "ten spirals to validate on",
        "keras #1597",
        "spirals",
        "validation_too_small",
        faulty(BLURRED, spoil=spoil.few_validated(10)),
        ruler=True,
    ),
    case(
        "frames of a few scenes",
        "own: D9",
        "figures",
        "homogeneous_training_data|overfitting",
        faulty(FIGURES, spoil=one_video),
    ),
    case(
        "the last grower's wines",
        "keras #8346, #4298",
        "wines",
        "split_artifact",
        faulty(WINES, spoil=in_order_of_class),
    ),
    case(
        "two figures never seen",
        "keras #3894, #6422",
        "figures",
        "split_artifact",
        faulty(FIGURES, spoil=spoil.lost_classes),
    ),
    case(
        "small buffer over folders",
        "own: D11",
        "stripes",
        "unshuffled_batches",
        small_buffer,
    ),
    case(
        "waves class by class",
        "own: D11",
        "waves",
        "unshuffled_batches",
        faulty(
            WAVES.but(optimizer=sgd(0.05, 0.9)),
            spoil=spoil.sorted_training,
            feed="sequence in order",
        ),
    ),
)
