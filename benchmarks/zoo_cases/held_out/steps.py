"""Held out: steps of one's own, and evaluations that do not say what is worth."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from benchmarks.zoo_cases.case import Case, Program, table
from benchmarks.zoo_cases.data import rng
from benchmarks.zoo_cases.held_out import nets
from benchmarks.zoo_cases.held_out.plan import (
    FIGURES,
    LETTERS,
    STRIPES,
    WARDROBE,
    WAVES,
    Plan,
    adam,
    sgd,
)
from benchmarks.zoo_cases.recipe import faulty

Wrap = Callable[[keras.Model], keras.Model]


class Stepped(keras.Model):
    """A step written out, of parts that can be wrong.

    Args:
        network: From inputs to probabilities.
    """

    def __init__(self, network: keras.Model):
        super().__init__()
        self.network = network

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Returns what the network says."""
        return self.network(inputs, training=training)

    def averaged(self, each: tf.Tensor) -> tf.Tensor:
        """Returns the loss of a batch, of that of each example."""
        return tf.reduce_mean(each)

    def taught(self) -> list:
        """Returns the variables that are trained."""
        return self.network.trainable_variables

    def update(self, gradients: list[tf.Tensor], variables: list) -> None:
        """Moves the variables."""
        self.optimizer.apply_gradients(zip(gradients, variables, strict=True))

    def train_step(self, data: tuple[tf.Tensor, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Does one step."""
        inputs, labels = data
        with tf.GradientTape() as tape:
            found = self.network(inputs, training=True)
            each = keras.losses.sparse_categorical_crossentropy(labels, found)
            loss = self.averaged(each)
        variables = self.taught()
        self.update(tape.gradient(loss, variables), variables)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(labels, found)
        return {metric.name: metric.result() for metric in self.metrics}


class ByDataset(Stepped):
    """Divides the sum by the number of training images instead of the batch's."""

    def averaged(self, each: tf.Tensor) -> tf.Tensor:
        """Returns the loss, as it is called with the wrong number."""
        return tf.nn.compute_average_loss(each, global_batch_size=800)


class SumOfMeans(Stepped):
    """Adds up the means of sixteen replicas, each of which has divided by its share."""

    def averaged(self, each: tf.Tensor) -> tf.Tensor:
        """Returns the sum of means over two examples."""
        return tf.reduce_sum(each) / 2


class HeadTaught(Stepped):
    """Hands over the variables of the last layer, as for fine-tuning."""

    def taught(self) -> list:
        """Returns those of the last layer."""
        return self.network.layers[-1].trainable_variables


class NeverCounted(Stepped):
    """Moves variables by hand; nobody counts steps, and the schedule stays at one."""

    def update(self, gradients: list[tf.Tensor], variables: list) -> None:
        """Moves the variables by the rate of the step that it takes it to be."""
        rate = self.optimizer.learning_rate
        for variable, gradient in zip(variables, gradients, strict=True):
            variable.assign_sub(rate * gradient)


class EvaluatedAsTrained(keras.Model):
    """Evaluates with the flag of training.

    Args:
        network: From inputs to probabilities.
    """

    def __init__(self, network: keras.Model):
        super().__init__()
        self.network = network

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Returns what the network says."""
        return self.network(inputs, training=training)

    def test_step(self, data: tuple[tf.Tensor, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Evaluates one batch."""
        inputs, labels = data
        found = self(inputs, training=True)
        loss = self.compute_loss(x=inputs, y=labels, y_pred=found)
        return self.compute_metrics(inputs, labels, found) | {"loss": loss}


class Copied(keras.Model):
    """Evaluates a copy of the network, which is brought up to date now and then.

    Args:
        network: From inputs to probabilities.
        every: After how many steps the copy is made.
    """

    def __init__(self, network: keras.Model, every: int):
        super().__init__()
        self.network, self._every = network, every
        self.copy = keras.models.clone_model(network)
        self.copy.set_weights(network.get_weights())
        self.copy.trainable = False

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Returns what the network says while it trains, and else the copy."""
        if training:
            return self.network(inputs, training=True)
        return self.copy(inputs, training=False)

    def train_step(self, data: tuple[tf.Tensor, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Does one step, and copies the network if it is time."""
        found = super().train_step(data)
        due = tf.cast(self.optimizer.iterations % self._every == 0, tf.float32)
        for old, new in zip(self.copy.weights, self.network.weights, strict=True):
            old.assign(due * new + (1 - due) * old)
        return found


class Jittered(keras.utils.PyDataset):
    """Batches of images that are moved and lit anew whenever somebody looks."""

    def __init__(self, images: np.ndarray, labels: np.ndarray, most: int):
        super().__init__()
        self._images, self._labels, self._most = images, labels, most
        self._draws = rng(5)

    def __len__(self) -> int:
        return -(-len(self._labels) // 40)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        rows, most = slice(index * 40, index * 40 + 40), self._most
        images = self._images[rows]
        if most:
            moves = self._draws.integers(-most, most + 1, (len(images), 2))
            pairs = zip(images, moves, strict=True)
            images = np.stack([np.roll(one, by, axis=(0, 1)) for one, by in pairs])
            images *= self._draws.uniform(0.4, 1.2, (len(images), 1, 1, 1))
        return images.astype(np.float32), self._labels[rows]


def jittered_validation(seed: int, broken: bool) -> Program:
    """The generator of training images serves the others as well."""
    made = LETTERS.but(epochs=40).program(seed)
    train = Jittered(*made.train, most=2)
    validation = Jittered(*made.validation, most=3 if broken else 0)
    return Program(made.model, train, validation, made.test, 40, None)


def _top_five() -> tuple:
    return (keras.metrics.SparseTopKCategoricalAccuracy(name="accuracy"),)


def _warm() -> keras.optimizers.Optimizer:
    schedule = keras.optimizers.schedules.CosineDecay(
        1e-4, 25 * 38, warmup_target=0.2, warmup_steps=2 * 38
    )
    return keras.optimizers.SGD(schedule)


_DIVIDED = "replica_scaling|learning_rate_too_low|loss_output_mismatch"
_ADDED = (
    "replica_scaling|learning_rate_too_high|loss_output_mismatch|"
    "exploding_gradients|dead_units"
)
_LOOP = LETTERS.but(optimizer=sgd(0.1, 0.9), wrap=Stepped)
_WARM_LOOP: Plan = WARDROBE.but(optimizer=_warm, wrap=Stepped, batch=32, epochs=27)
_NARROW = WARDROBE.but(net=nets.dense((12, 6)), optimizer=adam(5e-3), wrap=Stepped)
_NORM = STRIPES.but(optimizer=adam(3e-3))
_DROPPED = WAVES.but(net=nets.signal(norm="batch", dropout=0.5))

CASES: tuple[Case, ...] = table(
    (
        *("statistics of .9998", "keras #6977, #9214", "stripes"),
        "train_eval_mismatch",
        *(faulty(_NORM, net=nets.residual(momentum=0.9998)), {}),
    ),
    (
        *("evaluated as in training", "tf #35585", "waves"),
        "train_eval_mismatch|random_validation",
        *(faulty(_DROPPED, wrap=EvaluatedAsTrained), {"ruler": True}),
    ),
    (
        *("divided by the data set", "tf #52589", "letters"),
        f"{_DIVIDED}|stopped_too_early",
        *(faulty(_LOOP.but(optimizer=sgd(0.1)), wrap=ByDataset), {}),
    ),
    (
        *("means of sixteen devices, added", "tf #45923, keras #16285", "letters"),
        *(_ADDED, faulty(_LOOP, wrap=SumOfMeans), {}),
    ),
    (
        *("only the head is taught", "own: P16", "wardrobe"),
        *("wrong_variables|frozen_weights", faulty(_NARROW, wrap=HeadTaught), {}),
    ),
    (
        *("warm-up that never ends", "tf #51795", "wardrobe"),
        "learning_rate_frozen|learning_rate_too_low",
        *(faulty(_WARM_LOOP, wrap=NeverCounted), {}),
    ),
    (
        *("letters moved in validation", "own: P17", "letters"),
        "random_validation|preprocessing_mismatch",
        *(jittered_validation, {"ruler": True}),
    ),
    (
        *("right among the first five", "keras-style metric", "letters", "metric_bug"),
        *(faulty(LETTERS, metrics=_top_five), {"ruler": True}),
    ),
    (
        *("copy of long ago", "own: P19", "figures", "stale_evaluation_weights"),
        faulty(
            FIGURES.but(wrap=lambda network: Copied(network, 1)),
            wrap=lambda network: Copied(network, 700),
        ),
        {},
    ),
)
