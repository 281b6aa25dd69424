"""Public reports about an accuracy that is not what it seems."""

from __future__ import annotations

import keras

from benchmarks.zoo.cases.case import Case, Program, case
from benchmarks.zoo.cases.public.images import clothes
from benchmarks.zoo.cases.recipe import compiled
from benchmarks.zoo.cases.report import nets
from benchmarks.zoo.cases.report.plan import Plan, adam, unit

metrics = keras.metrics
_CLOTHES = Plan(
    clothes, nets.dense((48,)), scale=unit, optimizer=adam(2e-3), batch=50, epochs=5
)


def ten_answers(seed: int, broken: bool) -> Program:
    """Binary cross-entropy over ten classes, and the accuracy that goes with it."""
    kind = metrics.BinaryAccuracy if broken else metrics.CategoricalAccuracy
    return _CLOTHES.but(
        loss="binary_crossentropy",
        one_hot=True,
        metrics=lambda: (kind(name="accuracy"),),
    ).program(seed)


def categorical(seed: int, broken: bool) -> Program:
    """Accuracy of one-hot labels, of labels [B, 1] that are class numbers."""
    data = unit(clothes(seed))
    kind = metrics.SparseCategoricalAccuracy
    if broken:
        kind = metrics.CategoricalAccuracy
    model = nets.strided()(data.x.shape[1:], data.classes)
    compiled(model, adam(2e-3)(), metrics=(kind(name="accuracy"),))
    return Program(
        model,
        (data.x, data.y[:, None]),
        (data.vx, data.vy[:, None]),
        (data.tx, data.ty),
        epochs=12,
    )


CASES: tuple[Case, ...] = (
    case(
        "public: binary accuracy of ten classes",
        "https://github.com/frlim/data2040_final/issues/1",
        "fashion",
        "metric_bug",
        ten_answers,
        ruler=True,
    ),
    case(
        "public: categorical accuracy of class numbers",
        "https://github.com/tensorflow/tensorflow/issues/46953",
        "fashion",
        "metric_bug",
        categorical,
        ruler=True,
    ),
)
