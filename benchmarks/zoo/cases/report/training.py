"""Held out: learning rates, batch sizes, lengths, and how much a network can learn."""

from __future__ import annotations

from benchmarks.zoo.cases import spoil
from benchmarks.zoo.cases.case import Case, case
from benchmarks.zoo.cases.recipe import faulty
from benchmarks.zoo.cases.report import nets
from benchmarks.zoo.cases.report.plan import (
    FIGURES,
    LETTERS,
    SPIRALS,
    TOPICS,
    WARDROBE,
    WAVES,
    WINES,
    adam,
    adamw,
    falling,
    rmsprop,
    sgd,
)

_HIGH = "learning_rate_too_high|exploding_gradients|dead_units"
_LOW = "learning_rate_too_low"
_SHORT = "stopped_too_early|learning_rate_too_low"
_LARGE = "batch_size_too_large|learning_rate_too_low|stopped_too_early"
_SMALL = "batch_size_too_small|learning_rate_too_high"
_MOMENTUM = LETTERS.but(optimizer=sgd(0.02, 0.9))
_PLAIN = SPIRALS.but(optimizer=sgd(0.02, 0.9))

CASES: tuple[Case, ...] = (
    case(
        "SGD 1.5, spirals",
        "own: P1",
        "spirals",
        _HIGH,
        faulty(_PLAIN, optimizer=sgd(1.5, 0.9)),
    ),
    case(
        "SGD .6 with momentum .95",
        "I1 TheDeepChecker high_lr",
        "letters",
        _HIGH,
        faulty(_MOMENTUM, optimizer=sgd(0.6, 0.95)),
    ),
    case(
        "RMSprop .2, waves",
        "own: P1",
        "waves",
        _HIGH,
        faulty(WAVES.but(optimizer=rmsprop(2e-3)), optimizer=rmsprop(0.2)),
    ),
    case(
        "Adam 1e-5, letters",
        "own: P2",
        "letters",
        _LOW,
        faulty(LETTERS, optimizer=adam(1e-5)),
    ),
    case(
        "steps taken for epochs",
        "own: P2",
        "figures",
        _LOW,
        faulty(FIGURES, optimizer=falling(6e-3, 40)),
    ),
    case(
        "SGD .0003, waves",
        "I2 TheDeepChecker low_lr",
        "waves",
        _LOW,
        faulty(WAVES.but(optimizer=sgd(0.1, 0.9)), optimizer=sgd(3e-4)),
    ),
    case(
        "one letter a step",
        "I20 AUTOTRAINER oscillating blob",
        "letters",
        _SMALL,
        faulty(_MOMENTUM.but(optimizer=sgd(0.05, 0.9), epochs=12), batch=1),
    ),
    case(
        "one wine a step",
        "own: P8",
        "wines",
        _SMALL,
        faulty(WINES.but(optimizer=sgd(0.1, 0.9)), batch=1),
    ),
    case(
        "all letters at once",
        "SO 44164749",
        "letters",
        _LARGE,
        faulty(_MOMENTUM, batch=1600),
    ),
    case(
        "all of the spirals at once",
        "own: P8",
        "spirals",
        _LARGE,
        faulty(_PLAIN, batch=600),
    ),
    case(
        "two epochs of figures",
        "I18 deepcrime epochs",
        "figures",
        _SHORT,
        faulty(FIGURES.but(optimizer=adam(2e-3), epochs=70), epochs=2),
    ),
    case(
        "two epochs of topics",
        "Defects4ML 022",
        "topics",
        _SHORT,
        faulty(TOPICS, epochs=2),
    ),
    case(
        "sixty letters",
        "own: P9",
        "letters",
        "overfitting",
        faulty(LETTERS, spoil=spoil.few_trained(60), epochs=80, batch=16),
    ),
    case(
        "forty pieces of clothing",
        "keras-resnet #29",
        "wardrobe",
        "overfitting",
        faulty(
            WARDROBE.but(net=nets.dense((256, 128))),
            spoil=spoil.few_trained(40),
            epochs=60,
        ),
    ),
    case(
        "twenty waves, wide network",
        "own: P9",
        "waves",
        "overfitting",
        faulty(
            WAVES.but(net=nets.signal((48, 96))),
            spoil=spoil.few_trained(20),
            epochs=60,
            batch=16,
        ),
    ),
    case(
        "decay of another library",
        "own: P10",
        "wardrobe",
        "over_regularized",
        faulty(WARDROBE, optimizer=adamw(2e-3, 60.0)),
    ),
    case(
        "L2 .2 on each layer",
        "I8 TheDeepChecker over_reg",
        "letters",
        "over_regularized",
        faulty(LETTERS, net=nets.strided(l2=0.2)),
    ),
    case(
        "dropout .8 of spirals",
        "SO 60566498",
        "spirals",
        "over_regularized",
        faulty(SPIRALS, net=nets.dense((32, 32), dropout=0.8)),
    ),
    case(
        "spirals with three units",
        "kerasma 2a2a46f",
        "spirals",
        "insufficient_capacity",
        faulty(SPIRALS, net=nets.dense((3,))),
    ),
    case(
        "waves without hidden layer",
        "Defects4ML 027",
        "waves",
        "insufficient_capacity",
        faulty(WAVES, net=nets.dense(())),
    ),
    case(
        "one filter of figures",
        "own: P13",
        "figures",
        "insufficient_capacity",
        faulty(FIGURES, net=nets.separable((1, 2))),
    ),
)
