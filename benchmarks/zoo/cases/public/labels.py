"""Public reports about labels, batches and splits."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from benchmarks.zoo.cases import spoil
from benchmarks.zoo.cases.case import Case, Program, case
from benchmarks.zoo.cases.data import Data, Generator, digits
from benchmarks.zoo.cases.public.images import clothes
from benchmarks.zoo.cases.recipe import CNN, MLP, Batches, compiled, faulty
from benchmarks.zoo.cases.report import nets
from benchmarks.zoo.cases.report.plan import Plan, sgd, unit


class FirstBatch(Batches):
    """Sets its index to 0 before each batch, and so it yields the first one always."""

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        return super().__getitem__(0)


def first_batch(seed: int, broken: bool) -> Program:
    """The generator never goes on to the second batch."""
    data = unit(digits(seed))
    kind = FirstBatch if broken else Batches
    model = compiled(MLP.network(data.x.shape[1:], data.classes))
    return Program(
        model,
        kind((data.x, data.y), 32, shuffle=False),
        Batches((data.vx, data.vy), 200, shuffle=False),
        (data.tx, data.ty),
        epochs=15,
        batch_size=None,
    )


def features_in_other_order(data: Data, draws: Generator) -> Data:
    """Reads images shuffled and labels in the order of folders, for both splits."""
    x, vx = (each[draws.permutation(len(each))] for each in (data.x, data.vx))
    return data.but(x=x, vx=vx)


def ordered_rows(seed: int, broken: bool) -> Program:
    """Takes the last third of rows that lie in order, as `validation_split` does."""
    return _ROWS.but(spoil=spoil.sorted_split if broken else None).program(seed)


def without_a_folder(data: Data, draws: Generator) -> Data:
    """Validates on folders of which one is missing; those after it count one less."""
    rows = data.vy != 3
    labels = data.vy[rows]
    return data.but(vx=data.vx[rows], vy=labels - (labels > 3))


def _in_order(seed: int, broken: bool) -> Program:
    """Data that are sorted by class, and are never shuffled."""
    feed: dict[str, Any] = {"feed": "dataset"}
    if broken:
        feed = {"feed": "dataset in order", "spoil": spoil.sorted_training}
    return _SORTED.but(**feed).program(seed)


_SORTED = Plan(clothes, nets.strided(), scale=unit, optimizer=sgd(0.03, 0.9), epochs=8)
_ROWS = Plan(
    functools.partial(clothes, train=1000),
    nets.dense((64,)),
    scale=unit,
    epochs=12,
)
CASES: tuple[Case, ...] = (
    case(
        "public: the first batch again and again",
        "https://github.com/keras-team/keras/issues/3985",
        "digits",
        "homogeneous_training_data|overfitting",
        first_batch,
    ),
    case(
        "public: features shuffled, labels as they lie",
        "https://github.com/keras-team/keras/pull/7520",
        "digits",
        "shuffled_labels",
        faulty(MLP.but(epochs=12), spoil=features_in_other_order),
    ),
    case(
        "public: a data set sorted by class",
        "https://github.com/zalandoresearch/fashion-mnist/pull/5",
        "fashion",
        "unshuffled_batches",
        _in_order,
    ),
    case(
        "public: the last third of ordered rows",
        "https://github.com/keras-team/keras/issues/7759",
        "fashion",
        "split_artifact",
        ordered_rows,
    ),
    case(
        "public: a class folder is missing in validation",
        "https://github.com/ultralytics/ultralytics/issues/13936",
        "digits",
        "preprocessing_mismatch|split_artifact",
        faulty(CNN.but(epochs=12), spoil=without_a_folder),
        ruler=True,
    ),
)
