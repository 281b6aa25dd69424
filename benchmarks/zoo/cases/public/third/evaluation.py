"""Public reports about what is evaluated: other weights, and another quotient."""

from __future__ import annotations

import keras
import tensorflow as tf

from benchmarks.zoo.cases.case import Case, Program, case
from benchmarks.zoo.cases.data import digits
from benchmarks.zoo.cases.public.images import clothes
from benchmarks.zoo.cases.report import nets
from benchmarks.zoo.cases.report.plan import Plan, adam, unit


class Averaged(keras.Model):
    """Evaluates a moving average of the weights that are trained.

    Args:
        network: From inputs to probabilities.
        momentum: Weight of a new value in the average.
    """

    def __init__(self, network: keras.Model, momentum: float):
        super().__init__()
        self.network, self._momentum = network, momentum
        self.average = keras.models.clone_model(network)
        self.average.set_weights(network.get_weights())
        self.average.trainable = False

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Returns the outputs of the network in training, else those of the average."""
        if training:
            return self.network(inputs, training=True)
        return self.average(inputs, training=False)

    def train_step(self, data: tuple[tf.Tensor, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Trains on one batch, and moves the average."""
        metrics = super().train_step(data)
        for mean, new in zip(self.average.weights, self.network.weights, strict=True):
            mean.assign_add(self._momentum * (new - mean))
        return metrics


def _averaged(seed: int, broken: bool) -> Program:
    """An average that takes ten thousand steps to follow, or one to follow at once."""
    momentum = 0.0002 if broken else 0.9999
    return _CLOTHES.but(wrap=lambda net: Averaged(net, momentum)).program(seed)


class WholeAccuracy(keras.metrics.SparseCategoricalAccuracy):
    """Accuracy as a quotient of integers, which has no decimals."""

    def result(self) -> tf.Tensor:
        """Returns 1 if all are right, and else 0."""
        return tf.floor(super().result())


def _integers(seed: int, broken: bool) -> Program:
    kind = WholeAccuracy if broken else keras.metrics.SparseCategoricalAccuracy
    return _DIGITS.but(metrics=lambda: (kind(name="accuracy"),)).program(seed)


_CLOTHES = Plan(
    clothes, nets.strided(), scale=unit, optimizer=adam(2e-3), batch=64, epochs=12
)
_DIGITS = Plan(digits, nets.strided(), scale=unit, optimizer=adam(2e-3), epochs=15)

CASES: tuple[Case, ...] = (
    case(
        "public: an average of weights that hardly moves",
        "https://github.com/open-mmlab/mmpretrain/issues/870",
        "fashion",
        "stale_evaluation_weights|train_eval_mismatch",
        _averaged,
    ),
    case(
        "public: accuracy as a quotient of integers",
        "https://github.com/potterhsu/SVHNClassifier-PyTorch/issues/4",
        "digits",
        "metric_bug",
        _integers,
        ruler=True,
    ),
)
