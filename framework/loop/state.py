"""The training state: all variables that training changes and a restart needs."""

from __future__ import annotations

from collections.abc import Mapping

import keras
import tensorflow as tf

from framework.numerics.variables import state_variable
from framework.optim.precision import LossScale
from framework.optim.step_stats import NoiseScale
from framework.optim.update_factors import UpdateFactors
from framework.schedules import LearningRate

# Sums over training steps. Between two evaluations there can be more than 2**31
# examples, and a float32 sum would lose small addends long before.
SUMS = {"examples": "int64", "correct": "int64", "loss": "float64"}
# The same with the weights of the examples, if the training split has any.
WEIGHTED_SUMS = {
    "weight": "float64",
    "weighted_correct": "float64",
    "weighted_loss": "float64",
}
# Prefixes of the variables that a controller of the schedule can reset to the best
# evaluation.
RESET_TO_BEST = ("model/", "optimizer/", "ema/")
# Counters of numbers that were not finite: skipped updates in all and in a row, and
# returns to the last checkpoint.
_NONFINITE = ("skipped", "in_a_row", "rollbacks")


class TrainState:
    """The state that a training step changes; built inside the strategy's scope.

    Args:
        model: Maps normalized images to logits.
        optimizer: Optimizer, built for the model's trainable variables.
        learning_rate: Learning rate by step.
        ema: Whether to keep a moving average of the weights.
        loss_scale: Loss scale of float16; None for other types.
        factors: Factors of the updates; None if all weights are trained alike.
        is_weighted: Whether the training examples have weights.

    Attributes:
        factors: Factors of the updates.
    """

    def __init__(
        self,
        model: keras.Model,
        optimizer: keras.optimizers.Optimizer,
        learning_rate: LearningRate,
        ema: bool = False,
        loss_scale: LossScale | None = None,
        factors: UpdateFactors | None = None,
        is_weighted: bool = False,
    ):
        self.model = model
        self.factors = factors or UpdateFactors(model.trainable_variables)
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.loss_scale = loss_scale
        weights = model.trainable_variables if ema else []
        self.ema = [state_variable(weight.numpy(), tf.float32) for weight in weights]
        self.noise = NoiseScale()
        # Sums since the last logged metrics, and since the last evaluation.
        sums = {**SUMS, **WEIGHTED_SUMS} if is_weighted else SUMS
        self.window = {name: state_variable(0, dtype) for name, dtype in sums.items()}
        self.totals = {name: state_variable(0, dtype) for name, dtype in sums.items()}
        self.nonfinite = {name: state_variable(0, tf.int64) for name in _NONFINITE}

    @property
    def weights(self) -> list[tf.Variable]:
        """The trainable variables."""
        return [variable.value for variable in self.model.trainable_variables]

    def rate(self) -> float:
        """Returns the learning rate of the last update."""
        return float(self.optimizer.learning_rate.numpy())

    def variables(self) -> dict[str, tf.Variable]:
        """Returns every variable that a restart needs, by name.

        Variables of model and optimizer are named by their position: Keras numbers
        layers by a counter that depends on what else the process has built.
        """
        loss_scale = self.loss_scale.variables if self.loss_scale else {}
        return {
            **_numbered("model", [v.value for v in self.model.variables]),
            **_numbered("optimizer", [v.value for v in self.optimizer.variables]),
            **_numbered("ema", self.ema),
            **_prefixed("schedule", self.learning_rate.variables),
            **_prefixed("loss_scale", loss_scale),
            **_prefixed("noise", self.noise.variables),
            **_prefixed("window", self.window),
            **_prefixed("totals", self.totals),
            **_prefixed("nonfinite", self.nonfinite),
        }

    def swap_ema(self) -> None:
        """Swaps the weights and their moving average, if there is one."""
        for weight, average in zip(self.weights, self.ema, strict=False):
            saved = tf.identity(weight)
            weight.assign(average)
            average.assign(saved)


def _numbered(prefix: str, variables: list[tf.Variable]) -> dict[str, tf.Variable]:
    return {f"{prefix}/{index}": variable for index, variable in enumerate(variables)}


def _prefixed(
    prefix: str, variables: Mapping[str, tf.Variable]
) -> dict[str, tf.Variable]:
    return {f"{prefix}/{name}": variable for name, variable in variables.items()}
