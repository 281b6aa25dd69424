"""Held out: healthy programs that a published rule takes for broken ones."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from benchmarks.zoo.cases import spoil
from benchmarks.zoo.cases.calibration.rulers import Averaged
from benchmarks.zoo.cases.case import Case, Program, case
from benchmarks.zoo.cases.data import rng
from benchmarks.zoo.cases.recipe import healthy
from benchmarks.zoo.cases.report import nets
from benchmarks.zoo.cases.report.plan import (
    FIGURES,
    LETTERS,
    SPIRALS,
    STRIPES,
    TOPICS,
    TUMOURS,
    WARDROBE,
    WAVES,
    adam,
    sgd,
    unit,
)
from benchmarks.zoo.cases.report.stepped import Stepped
from benchmarks.zoo.cases.report.strange import (
    always_dropped,
    random_waves,
    silent_branches,
)

schedules = keras.optimizers.schedules


class OfTwoDevices(Stepped):
    """Adds up the losses of two halves of a batch, each divided by the whole batch."""

    def averaged(self, losses: tf.Tensor) -> tf.Tensor:
        """Returns the mean, as two devices find it."""
        size = tf.size(losses)
        halves = (losses[: size // 2], losses[size // 2 :])
        whole = tf.cast(size, losses.dtype)
        return tf.add_n([tf.reduce_sum(half) / whole for half in halves])


class OfEachClass(keras.utils.PyDataset):
    """Batches of five of each class, which stand there class by class."""

    def __init__(self, inputs: np.ndarray, labels: np.ndarray):
        super().__init__()
        self._inputs, self._labels, self._draws = inputs, labels, rng(3)
        self._rows = [np.flatnonzero(labels == each) for each in np.unique(labels)]

    def __len__(self) -> int:
        return len(self._labels) // (5 * len(self._rows))

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        rows = np.concatenate([self._draws.choice(each, 5) for each in self._rows])
        return self._inputs[rows], self._labels[rows]


def of_each_class(seed: int, broken: bool) -> Program:
    """Classes of unequal size, and a sampler that draws them equally often."""
    program = WAVES.but(spoil=spoil.imbalanced(4)).program(seed)
    validation = tf.data.Dataset.from_tensor_slices(program.validation).batch(100)
    train = OfEachClass(*program.train)
    return Program(program.model, train, validation, program.test, 40, None)


def averaged(network: keras.Model) -> keras.Model:
    """Evaluates an average of the weights that is a few dozen steps old."""
    return Averaged(network, keras.models.clone_model(network), 0.95)


def _warm(peak: float, steps: int) -> schedules.LearningRateSchedule:
    return schedules.CosineDecay(
        peak / 1000, steps * 9 // 10, warmup_target=peak, warmup_steps=steps // 10
    )


def _smooth() -> keras.losses.Loss:
    return keras.losses.CategoricalCrossentropy(label_smoothing=0.1)


def _logits() -> keras.losses.Loss:
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def _categorical() -> tuple:
    return (keras.metrics.CategoricalAccuracy(name="accuracy"),)


_STEPS = schedules.PiecewiseConstantDecay([900], [0.05, 0.003])

CASES: tuple[Case, ...] = (
    case(
        "H2 learnt at once",
        "H2, H17",
        "stripes",
        "",
        healthy(STRIPES.but(epochs=50)),
        floor=0.97,
    ),
    case(
        "H3 clothes under dropout",
        "H3",
        "wardrobe",
        "",
        healthy(WARDROBE.but(net=nets.dense((128,), dropout=0.5), epochs=40)),
        floor=0.85,
    ),
    case(
        "H5 logits of waves",
        "H5",
        "waves",
        "",
        healthy(WAVES.but(net=nets.signal(head=None), loss=_logits(), feed="dataset")),
        floor=0.93,
    ),
    case(
        "H6 wide and sparse",
        "H6",
        "topics",
        "",
        healthy(TOPICS.but(net=nets.words(64, dropout=0.5), optimizer=adam(3e-4))),
        floor=0.8,
    ),
    case(
        "H7 branches from zero",
        "H7, H8",
        "stripes",
        "",
        healthy(STRIPES.but(net=silent_branches)),
        floor=0.95,
    ),
    case(
        "H9 random cosines",
        "H9",
        "spirals",
        "",
        healthy(SPIRALS.but(net=random_waves, optimizer=adam(1e-2), epochs=60)),
        floor=0.95,
    ),
    case(
        "H11 warm-up to .3",
        "H11, H12",
        "stripes",
        "",
        healthy(STRIPES.but(optimizer=sgd(_warm(0.3, 570), 0.9))),
        floor=0.95,
    ),
    case(
        "H13 steps of the rate",
        "H13",
        "letters",
        "",
        healthy(
            LETTERS.but(net=nets.strided(norm="batch"), optimizer=sgd(_STEPS, 0.9))
        ),
        floor=0.92,
    ),
    case(
        "H14 smooth figures",
        "H14",
        "figures",
        "",
        healthy(FIGURES.but(one_hot=True, loss=_smooth())),
        floor=0.9,
    ),
    case(
        "H15 sigmoids of letters",
        "H15",
        "letters",
        "",
        healthy(
            LETTERS.but(
                net=nets.strided(head="sigmoid"),
                loss="binary_crossentropy",
                one_hot=True,
                metrics=_categorical,
            )
        ),
        floor=0.92,
    ),
    case(
        "H16 average of waves",
        "H16",
        "waves",
        "",
        healthy(WAVES.but(wrap=averaged)),
        floor=0.93,
    ),
    case(
        "H17 clothes by heart",
        "H17",
        "wardrobe",
        "",
        healthy(WARDROBE.but(net=nets.dense((256, 128)), epochs=50)),
        floor=0.85,
    ),
    case(
        "H18 clipped topics",
        "H18",
        "topics",
        "",
        healthy(TOPICS.but(optimizer=adam(5e-4, clipnorm=0.1), epochs=30)),
        floor=0.85,
    ),
    case(
        "H18 accumulated tumours",
        "H18",
        "tumours",
        "",
        healthy(
            TUMOURS.but(
                optimizer=sgd(0.05, 0.9, gradient_accumulation_steps=4), batch=8
            )
        ),
        floor=0.93,
    ),
    case(
        "H20 five to one stripes",
        "H20",
        "stripes",
        "",
        healthy(STRIPES.but(spoil=spoil.imbalanced(5))),
        floor=0.93,
    ),
    case(
        "H21 a few clothes twice",
        "H21",
        "wardrobe",
        "",
        healthy(WARDROBE.but(spoil=spoil.leaked(0.03))),
        floor=0.85,
    ),
    case(
        "H24 large batches of letters",
        "H24",
        "letters",
        "",
        healthy(LETTERS.but(batch=200, optimizer=adam(1e-2))),
        floor=0.92,
    ),
    case("H25 five waves of each", "H25", "waves", "", of_each_class, floor=0.93),
    case(
        "H26 always dropped",
        "H26",
        "wardrobe",
        "",
        healthy(WARDROBE.but(net=always_dropped)),
        floor=0.85,
    ),
    case(
        "H28 tanh of tumours",
        "H28",
        "tumours",
        "",
        healthy(
            TUMOURS.but(
                net=nets.dense((24,) * 6, "tanh", init="orthogonal"),
                optimizer=sgd(0.01, 0.9),
            )
        ),
        floor=0.92,
    ),
    case(
        "H30 two devices",
        "H30",
        "letters",
        "",
        healthy(LETTERS.but(wrap=OfTwoDevices)),
        floor=0.92,
    ),
    case(
        "H1 pixels of any range",
        "H1",
        "figures",
        "",
        healthy(FIGURES.but(scale=unit)),
        floor=0.9,
    ),
)
