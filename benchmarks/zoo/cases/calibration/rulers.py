"""Programs whose evaluation or metric is wrong."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from benchmarks.zoo.cases.case import Case, Program, case
from benchmarks.zoo.cases.data import digits, flowers, rng
from benchmarks.zoo.cases.recipe import (
    CNN,
    FASHION_MLP,
    FLOWERS,
    MLP,
    Recipe,
    compiled,
)


class Averaged(keras.Model):
    """Evaluates an average of the weights that began when they meant nothing.

    Args:
        network: From images to probabilities.
        average: The same, for the average.
        decay: Of the average.
    """

    def __init__(self, network: keras.Model, average: keras.Model, decay: float):
        super().__init__()
        self.network, self.average, self._decay = network, average, decay
        average.set_weights(network.get_weights())
        average.trainable = False

    def call(self, images: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Returns the outputs of the network in training, else those of the average."""
        if training:
            return self.network(images, training=True)
        return self.average(images, training=False)

    def train_step(self, data: tuple[tf.Tensor, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Trains on one batch, and updates the average."""
        metrics = super().train_step(data)
        for mean, value in zip(self.average.weights, self.network.weights, strict=True):
            mean.assign(self._decay * mean + (1 - self._decay) * value)
        return metrics


def averaged(recipe: Recipe, decay: float, good: float):
    """Returns a function that builds a recipe whose average of weights is too slow."""

    def make(seed: int, broken: bool) -> Program:
        data = recipe.read(seed)
        shape = data.x.shape[1:]
        nets = [recipe.network(shape, data.classes) for _ in range(2)]
        model = Averaged(*nets, decay if broken else good)
        compiled(model, recipe.optimizer(recipe.learning_rate))
        return Program(
            model,
            (data.x, data.y),
            (data.vx, data.vy),
            (data.tx, data.ty),
            recipe.epochs,
            recipe.batch,
        )

    return make


class NeverReset(keras.Model):
    """Counts accuracy itself, in a metric that Keras does not reset in each epoch.

    Args:
        network: From images to probabilities.
        broken: Whether it forgets.
    """

    def __init__(self, network: keras.Model, broken: bool):
        super().__init__()
        self.network, self._broken = network, broken
        self.right = keras.metrics.SparseCategoricalAccuracy(name="accuracy")

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """The metrics that are reset when an epoch begins."""
        return [] if self._broken else [self.right]

    def call(self, images: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Returns the outputs of the network."""
        return self.network(images, training=training)

    def train_step(self, data: tuple[tf.Tensor, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Trains on one batch."""
        images, labels = data
        with tf.GradientTape() as tape:
            outputs = self(images, training=True)
            loss = self.compute_loss(y=labels, y_pred=outputs)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(
            zip(gradients, self.trainable_variables, strict=True)
        )
        self.right.update_state(labels, outputs)
        return {"loss": loss, "accuracy": self.right.result()}

    def test_step(self, data: tuple[tf.Tensor, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Evaluates one batch."""
        images, labels = data
        outputs = self(images, training=False)
        self.right.update_state(labels, outputs)
        loss = self.compute_loss(y=labels, y_pred=outputs)
        return {"loss": loss, "accuracy": self.right.result()}


def never_reset(seed: int, broken: bool) -> Program:
    """The accuracy of all epochs so far, of training and validation together."""
    data = flowers(seed).inputs(lambda x: x / 255)
    model = NeverReset(FLOWERS.network((24, 24, 3), 5), broken)
    compiled(model, keras.optimizers.Adam(3e-3), metrics=())
    return Program(
        model, (data.x, data.y), (data.vx, data.vy), (data.tx, data.ty), epochs=30
    )


def binary_metric(seed: int, broken: bool) -> Program:
    """Counts each of ten outputs as a right answer of its own."""
    data = digits(seed).inputs(lambda x: x / 255)
    hot = [keras.utils.to_categorical(y, 10) for y in (data.y, data.vy)]
    model = MLP.but(units=(8,)).network((8, 8, 1), 10)
    metric = keras.metrics.BinaryAccuracy(name="accuracy")
    if not broken:
        metric = keras.metrics.CategoricalAccuracy(name="accuracy")
    compiled(model, keras.optimizers.SGD(0.1), "categorical_crossentropy", (metric,))
    return Program(
        model, (data.x, hot[0]), (data.vx, hot[1]), (data.tx, data.ty), epochs=40
    )


def augmented_validation(seed: int, broken: bool) -> Program:
    """One map for both data sets: validation images are changed as well."""
    data = flowers(seed).inputs(lambda x: x / 255)
    source = tf.data.Dataset.from_tensor_slices

    def change(image: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        image = tf.image.random_flip_left_right(image)
        image = tf.image.resize(tf.image.random_crop(image, (14, 14, 3)), (24, 24))
        return image + tf.random.normal((24, 24, 3), stddev=0.3), label

    train = source((data.x, data.y)).shuffle(len(data.y)).map(change).batch(32)
    validation = source((data.vx, data.vy))
    if broken:
        validation = validation.map(change)
    model = FLOWERS.network((24, 24, 3), 5)
    compiled(model, keras.optimizers.Adam(3e-3))
    return Program(
        model,
        train,
        validation.batch(256),
        (data.tx, data.ty),
        epochs=60,
        batch_size=None,
    )


class Random(keras.utils.PyDataset):
    """Batches with noise that is drawn again whenever somebody looks."""

    def __init__(self, images: np.ndarray, labels: np.ndarray, noise: float):
        super().__init__()
        self._images, self._labels, self._noise = images, labels, noise
        self._draws = rng(0)

    def __len__(self) -> int:
        return -(-len(self._labels) // 50)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        part = slice(index * 50, index * 50 + 50)
        images = self._images[part]
        noise = self._noise * self._draws.normal(0, 1, images.shape)
        return images + noise.astype(np.float32), self._labels[part]


def noisy_validation(seed: int, broken: bool) -> Program:
    """A generator with noise for both splits."""
    data = digits(seed).inputs(lambda x: x / 255)
    order = rng(seed).permutation(len(data.y))
    train = Random(data.x[order], data.y[order], 0.3)
    validation = Random(data.vx, data.vy, 0.3 if broken else 0.0)
    model = MLP.network((8, 8, 1), 10)
    compiled(model, keras.optimizers.Adam(1e-3))
    return Program(
        model, train, validation, (data.tx, data.ty), epochs=25, batch_size=None
    )


CASES: tuple[Case, ...] = (
    case(
        "average that never arrives",
        "own: P19",
        "digits",
        "stale_evaluation_weights",
        averaged(CNN, 0.9999, 0.98),
    ),
    case(
        "slow average",
        "own: P19",
        "fashion",
        "stale_evaluation_weights",
        averaged(FASHION_MLP, 0.99995, 0.98),
    ),
    case(
        "metric never reset",
        "ViP #34, code2seq #112",
        "flowers",
        "metric_bug",
        never_reset,
        ruler=True,
    ),
    case(
        "binary accuracy of ten",
        "keras-style metric",
        "digits",
        "metric_bug",
        binary_metric,
        ruler=True,
    ),
    case(
        "augmented validation",
        "own: P17",
        "flowers",
        "random_validation|preprocessing_mismatch",
        augmented_validation,
        ruler=True,
    ),
    case(
        "noise in validation",
        "own: P17",
        "digits",
        "random_validation|preprocessing_mismatch",
        noisy_validation,
        ruler=True,
    ),
)
