"""Public reports in which no program is at fault."""

from __future__ import annotations

import functools

import keras

from benchmarks.zoo.cases.case import Case, case
from benchmarks.zoo.cases.data import Data
from benchmarks.zoo.cases.public.images import clothes, only
from benchmarks.zoo.cases.recipe import CNN, MLP, healthy
from benchmarks.zoo.cases.report import nets
from benchmarks.zoo.cases.report.plan import TOPICS, Plan, adam, unit

layers = keras.layers
losses = keras.losses


def alike(seed: int) -> Data:
    """T-shirts, pullovers, coats and shirts, which people confuse as well."""
    return only(clothes(seed, 3500, 1200), (0, 2, 4, 6))


_CLOTHES = Plan(
    functools.partial(clothes, train=2500),
    nets.strided(),
    scale=unit,
    optimizer=adam(2e-3),
    epochs=12,
)
CASES: tuple[Case, ...] = (
    case(
        "public: dropout while training alone",
        "https://github.com/keras-team/keras/issues/1761",
        "digits",
        "",
        healthy(MLP.but(units=(128, 128), dropout=0.5, epochs=30)),
        floor=0.92,
    ),
    case(
        "public: training accuracy lags behind",
        "https://github.com/XifengGuo/CapsNet-Keras/issues/85",
        "fashion",
        "",
        lambda seed, broken: _CLOTHES.program(seed),
        floor=0.75,
        half="report",
    ),
    case(
        "public: the state of the art is no higher",
        "https://github.com/oarriaga/face_classification/issues/6",
        "fashion",
        "",
        lambda seed, broken: _CLOTHES.but(data=alike).program(seed),
        floor=0.65,
        half="report",
    ),
    case(
        "public: a tutorial's texts",
        "https://github.com/tensorflow/tensorflow/issues/40858",
        "topics",
        "",
        lambda seed, broken: TOPICS.program(seed),
        floor=0.75,
        half="report",
    ),
    case(
        "public: learnt by heart, and good",
        "https://github.com/MIC-DKFZ/nnUNet/issues/757",
        "digits",
        "",
        healthy(CNN.but(epochs=25, units=(96,))),
        floor=0.94,
    ),
)
