"""Programs with a training step of their own."""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf

from benchmarks.zoo.cases.case import Case, Program, case
from benchmarks.zoo.cases.data import digits, flowers
from benchmarks.zoo.cases.recipe import (
    FASHION_MLP,
    FASHION_SGD,
    FLOWERS,
    MLP,
    Recipe,
    compiled,
    faulty,
)

layers = keras.layers
optimizers = keras.optimizers


class Loop(keras.Model):
    """A step written out, as the guides have it, with slips that can be switched on.

    Args:
        network: From images to probabilities.
        training: Whether the network is called in training mode.
        replicas: By what number the loss is divided, besides the batch size.
        only: Name of the layer whose weights the optimizer is given; "" for all.
        frozen_rate: Whether the rate is read when the step is traced.
        total: Whether losses are added up over the batch.
    """

    def __init__(
        self,
        network: keras.Model,
        training: bool = True,
        replicas: float = 1.0,
        only: str = "",
        frozen_rate: bool = False,
        total: bool = False,
    ):
        super().__init__()
        self.network = network
        self._training, self._replicas, self._only = training, replicas, only
        self._frozen_rate, self._total = frozen_rate, total

    def call(self, images: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Returns the outputs of the network."""
        return self.network(images, training=training)

    def train_step(self, data: tuple[tf.Tensor, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Trains on one batch."""
        images, labels = data
        with tf.GradientTape() as tape:
            outputs = self.network(images, training=self._training)
            losses = keras.losses.sparse_categorical_crossentropy(labels, outputs)
            mean = tf.reduce_sum(losses) if self._total else tf.reduce_mean(losses)
            loss = mean / self._replicas
        if self._only:
            variables = self.network.get_layer(self._only).trainable_variables
        else:
            variables = self.network.trainable_variables
        gradients = tape.gradient(loss, variables)
        if self._frozen_rate:
            rate = self._rate
            for variable, gradient in zip(variables, gradients, strict=True):
                variable.assign_sub(rate * gradient)
        else:
            self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(labels, outputs)
        return {metric.name: metric.result() for metric in self.metrics}

    def compile(self, optimizer: keras.optimizers.Optimizer, **options: object) -> None:
        """Notes the rate, once and for all."""
        super().compile(optimizer, **options)
        self._rate = float(optimizer.learning_rate)


def looped(recipe: Recipe, **slips: object):
    """Returns a function that builds a recipe with its own loop, faulty or not."""

    def make(seed: int, broken: bool) -> Program:
        data = recipe.read(seed)
        network = recipe.network(data.x.shape[1:], data.classes)
        model = Loop(network, **slips) if broken else Loop(network)
        compiled(model, recipe.optimizer(recipe.learning_rate, **recipe.options))
        return Program(
            model,
            (data.x, data.y),
            (data.vx, data.vy),
            (data.tx, data.ty),
            recipe.epochs,
            recipe.batch,
            recipe.callbacks(),
        )

    return make


def head_only(seed: int, broken: bool) -> Program:
    """Hands the optimizer the variables of the last layer instead of the model's."""
    data = digits(seed).inputs(lambda x: x / 255)
    inputs = keras.Input((8, 8, 1))
    features = layers.Flatten()(inputs)
    for count in (12, 8):
        features = layers.Dense(count, activation="relu")(features)
    outputs = layers.Dense(10, activation="softmax", name="head")(features)
    network = keras.Model(inputs, outputs)
    model = Loop(network, only="head") if broken else Loop(network)
    compiled(model, optimizers.Adam(3e-3))
    return Program(
        model, (data.x, data.y), (data.vx, data.vy), (data.tx, data.ty), epochs=30
    )


def first_block_only(seed: int, broken: bool) -> Program:
    """Hands the optimizer a part of the network, and forgets the one behind it."""
    data = flowers(seed).inputs(lambda x: x / 255)
    inputs = keras.Input((24, 24, 3))
    stem = keras.Sequential([layers.Conv2D(16, 3)], name="stem")
    features = layers.MaxPooling2D()(layers.ReLU()(stem(inputs)))
    features = layers.Conv2D(24, 3, activation="relu")(features)
    features = layers.MaxPooling2D()(features)
    features = layers.GlobalMaxPooling2D()(features)
    outputs = layers.Dense(5, activation="softmax")(features)
    network = keras.Model(inputs, outputs)
    model = Loop(network, only="stem") if broken else Loop(network)
    compiled(model, optimizers.Adam(5e-3))
    return Program(
        model, (data.x, data.y), (data.vx, data.vy), (data.tx, data.ty), epochs=30
    )


def falling(peak: float) -> Callable[[], tuple[keras.callbacks.Callback, ...]]:
    """Returns a function that builds a callback that lowers the learning rate."""

    def rate(epoch: int, _: float) -> float:
        return peak * 0.8**epoch

    return lambda: (keras.callbacks.LearningRateScheduler(rate),)


SGD_LOOP = MLP.but(optimizer=optimizers.SGD, learning_rate=0.1)
_NORM = FLOWERS.but(norm=True, learning_rate=1e-3, epochs=20)
_FLAT_NORM = MLP.but(norm=True, norm_momentum=0.99, epochs=20)
_FALLING = MLP.but(
    optimizer=optimizers.SGD, learning_rate=1.2, callbacks=falling(1.2), units=(128, 64)
)
_CLOTHES = FASHION_MLP.but(
    optimizer=optimizers.SGD, learning_rate=0.6, callbacks=falling(0.6), epochs=25
)
_FROZEN = "learning_rate_frozen|learning_rate_too_high"

CASES: tuple[Case, ...] = (
    case(
        "not told that it trains",
        "tf #35585, #31184",
        "flowers",
        "train_eval_mismatch",
        looped(_NORM, training=False),
    ),
    case(
        "moving averages too slow",
        "I14 miss_infer_batchnorm",
        "digits",
        "train_eval_mismatch",
        faulty(_FLAT_NORM, norm_momentum=0.9999),
    ),
    case(
        "moving averages too slow, CNN",
        "keras #6977, #9214",
        "flowers",
        "train_eval_mismatch",
        faulty(_NORM, norm_momentum=0.999),
    ),
    case(
        "divided by 64 devices",
        "tf #52589, #33809",
        "digits",
        "replica_scaling|learning_rate_too_low|loss_output_mismatch|stopped_too_early",
        looped(SGD_LOOP, replicas=64.0),
    ),
    case(
        "added up over devices",
        "tf #45923, keras #16285",
        "fashion",
        "replica_scaling|learning_rate_too_high|loss_output_mismatch|"
        "exploding_gradients|dead_units",
        looped(FASHION_SGD, total=True),
    ),
    case(
        "variables of the head",
        "own: P16",
        "digits",
        "wrong_variables|frozen_weights",
        head_only,
    ),
    case(
        "variables of the stem",
        "own: P16",
        "flowers",
        "wrong_variables|frozen_weights",
        first_block_only,
    ),
    case(
        "rate noted once",
        "tf #51795",
        "digits",
        _FROZEN,
        looped(_FALLING, frozen_rate=True),
    ),
    case(
        "schedule without effect",
        "own: P20",
        "fashion",
        _FROZEN,
        looped(_CLOTHES, frozen_rate=True),
    ),
)
