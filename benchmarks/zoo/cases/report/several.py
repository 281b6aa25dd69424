"""Held out: programs with two faults."""

from __future__ import annotations

from benchmarks.zoo.cases import spoil
from benchmarks.zoo.cases.case import Case, case
from benchmarks.zoo.cases.recipe import faulty
from benchmarks.zoo.cases.report import nets
from benchmarks.zoo.cases.report.labels import rare
from benchmarks.zoo.cases.report.plan import (
    FIGURES,
    LETTERS,
    SPIRALS,
    TOPICS,
    WAVES,
    WINES,
    adam,
    sgd,
)
from benchmarks.zoo.cases.report.signals import constant

_RAW = "unnormalized_inputs|learning_rate_too_high|dead_units|exploding_gradients"
_LOW = "learning_rate_too_low"
_OTHER = "preprocessing_mismatch|distribution_shift"
_SLIM = FIGURES.but(net=nets.separable((12, 24)))

CASES: tuple[Case, ...] = (
    case(
        "guessed and rare figures",
        "own: two",
        "figures",
        "label_noise class_imbalance",
        faulty(FIGURES, spoil=spoil.both(rare((2, 3), 0.05), spoil.label_noise(0.35))),
    ),
    case(
        "silent and slow waves",
        "own: two",
        "waves",
        f"dead_units|bad_initialization {_LOW}",
        faulty(WAVES, net=nets.signal(bias=constant(-2.0)), optimizer=adam(2e-5)),
    ),
    case(
        "kept and dropped",
        "own: two",
        "figures",
        "frozen_weights over_regularized",
        faulty(_SLIM, net=nets.separable((12, 24), trainable=False, dropout=0.9)),
    ),
    case(
        "small and short",
        "own: two",
        "spirals",
        f"insufficient_capacity stopped_too_early|{_LOW}",
        faulty(SPIRALS, net=nets.dense((3,)), epochs=3),
    ),
    case(
        "from below, and slow",
        "own: two",
        "letters",
        f"{_OTHER} {_LOW}",
        faulty(
            LETTERS,
            spoil=spoil.validated_otherwise(lambda x: x[:, ::-1]),
            optimizer=adam(3e-5),
        ),
    ),
    case(
        "raw wines, class by class",
        "own: two",
        "wines",
        f"split_artifact {_RAW}",
        faulty(
            WINES.but(optimizer=sgd(0.05, 0.9)),
            spoil=spoil.sorted_split,
            scale=lambda data: data,
        ),
    ),
    case(
        "random words, noisy labels",
        "own: two",
        "topics",
        "frozen_weights label_noise",
        faulty(
            TOPICS.but(net=nets.words(4), optimizer=adam(2e-3)),
            net=nets.words(4, frozen=True),
            spoil=spoil.label_noise(0.4),
        ),
    ),
    case(
        "rare and slow letters",
        "own: two",
        "letters",
        f"class_imbalance {_LOW}",
        faulty(LETTERS, spoil=rare((0, 1, 2, 3), 0.05), optimizer=adam(5e-5)),
    ),
)
