"""Programs with a training step, an evaluation or a metric of their own."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from benchmarks.zoo_cases.case import Case, Program, table
from benchmarks.zoo_cases.data import digits, fashion, flowers, rng
from benchmarks.zoo_cases.recipe import (
    CNN,
    FASHION_MLP,
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
        training: Whether the network is told that it is being trained.
        replicas: By what the loss is divided besides the batch.
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
        self._told, self._replicas, self._only = training, replicas, only
        self._frozen_rate, self._total = frozen_rate, total

    def call(self, images: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Returns what the network says."""
        return self.network(images, training=training)

    def train_step(self, data: tuple[tf.Tensor, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Does one step."""
        images, labels = data
        with tf.GradientTape() as tape:
            found = self.network(images, training=self._told)
            each = keras.losses.sparse_categorical_crossentropy(labels, found)
            mean = tf.reduce_sum(each) if self._total else tf.reduce_mean(each)
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
                metric.update_state(labels, found)
        return {metric.name: metric.result() for metric in self.metrics}

    def compile(self, optimizer: keras.optimizers.Optimizer, **options: object) -> None:
        """Notes the rate, once and for all."""
        super().compile(optimizer, **options)
        self._rate = float(optimizer.learning_rate)


def looped(recipe: Recipe, **slips: object):
    """Returns what makes a recipe with a loop of its own, and slips in it or none."""

    def make(seed: int, broken: bool) -> Program:
        data = recipe.read(seed)
        network = recipe.network(data.x.shape[1:], data.classes)
        model = Loop(network, **slips) if broken else Loop(network)
        compiled(model, recipe.optimizer(recipe.learning_rate, **recipe.options))
        return Program(
            *(model, (data.x, data.y), (data.vx, data.vy), (data.tx, data.ty)),
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
        *(model, (data.x, data.y), (data.vx, data.vy), (data.tx, data.ty)), epochs=30
    )


def first_block_only(seed: int, broken: bool) -> Program:
    """Hands the optimizer a part of the network, and forgets the one behind it."""
    data = flowers(seed).inputs(lambda x: x / 255)
    inputs = keras.Input((24, 24, 3))
    stem = keras.Sequential([layers.Conv2D(8, 3, strides=2)], name="stem")
    features = stem(inputs)
    features = layers.ReLU()(features)
    features = layers.Conv2D(8, 3, strides=2, activation="relu")(features)
    features = layers.GlobalAveragePooling2D()(features)
    outputs = layers.Dense(5, activation="softmax")(features)
    network = keras.Model(inputs, outputs)
    model = Loop(network, only="stem") if broken else Loop(network)
    compiled(model, optimizers.Adam(5e-3))
    return Program(
        *(model, (data.x, data.y), (data.vx, data.vy), (data.tx, data.ty)), epochs=30
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
        """Returns what the network says while it trains, and else the average."""
        if training:
            return self.network(images, training=True)
        return self.average(images, training=False)

    def train_step(self, data: tuple[tf.Tensor, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Does one step, and moves the average."""
        found = super().train_step(data)
        for mean, value in zip(
            self.average.weights, self.network.weights, strict=True
        ):
            mean.assign(self._decay * mean + (1 - self._decay) * value)
        return found


def averaged(recipe: Recipe, decay: float, good: float):
    """Returns what makes a recipe whose average of weights is too slow."""

    def make(seed: int, broken: bool) -> Program:
        data = recipe.read(seed)
        shape = data.x.shape[1:]
        nets = [recipe.network(shape, data.classes) for _ in range(2)]
        model = Averaged(*nets, decay if broken else good)
        compiled(model, recipe.optimizer(recipe.learning_rate))
        return Program(
            *(model, (data.x, data.y), (data.vx, data.vy), (data.tx, data.ty)),
            recipe.epochs,
            recipe.batch,
        )

    return make


class NeverReset(keras.Model):
    """Counts on its own, and forgets to tell Keras what an epoch must reset.

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
        """Those that are reset when an epoch begins."""
        return [] if self._broken else [self.right]

    def call(self, images: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Returns what the network says."""
        return self.network(images, training=training)

    def train_step(self, data: tuple[tf.Tensor, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Does one step."""
        images, labels = data
        with tf.GradientTape() as tape:
            found = self(images, training=True)
            loss = self.compute_loss(y=labels, y_pred=found)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(
            zip(gradients, self.trainable_variables, strict=True)
        )
        self.right.update_state(labels, found)
        return {"loss": loss, "accuracy": self.right.result()}

    def test_step(self, data: tuple[tf.Tensor, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Evaluates one batch."""
        images, labels = data
        found = self(images, training=False)
        self.right.update_state(labels, found)
        loss = self.compute_loss(y=labels, y_pred=found)
        return {"loss": loss, "accuracy": self.right.result()}


def never_reset(seed: int, broken: bool) -> Program:
    """The accuracy of all epochs so far, of training and validation together."""
    data = flowers(seed).inputs(lambda x: x / 255)
    model = NeverReset(FLOWERS.network((24, 24, 3), 5), broken)
    compiled(model, metrics=())
    return Program(
        *(model, (data.x, data.y), (data.vx, data.vy), (data.tx, data.ty)), epochs=25
    )


def binary_metric(seed: int, broken: bool) -> Program:
    """Counts each of ten outputs as a right answer of its own."""
    data = digits(seed).inputs(lambda x: x / 255)
    hot = [keras.utils.to_categorical(y, 10) for y in (data.y, data.vy)]
    model = MLP.but(units=(8,)).network((8, 8, 1), 10)
    metric = keras.metrics.BinaryAccuracy(name="accuracy")
    if not broken:
        metric = keras.metrics.CategoricalAccuracy(name="accuracy")
    compiled(model, keras.optimizers.SGD(0.02), "categorical_crossentropy", (metric,))
    return Program(
        *(model, (data.x, hot[0]), (data.vx, hot[1]), (data.tx, data.ty)), epochs=25
    )


def augmented_validation(seed: int, broken: bool) -> Program:
    """One map for both data sets: validation images are changed as well."""
    data = flowers(seed).inputs(lambda x: x / 255)
    source = tf.data.Dataset.from_tensor_slices

    def change(image: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        image = tf.image.random_flip_left_right(image)
        image = tf.image.random_brightness(image, 0.5)
        return tf.image.random_contrast(image, 0.3, 1.7), label

    train = source((data.x, data.y)).shuffle(len(data.y)).map(change).batch(32)
    validation = source((data.vx, data.vy))
    if broken:
        validation = validation.map(change)
    model = FLOWERS.network((24, 24, 3), 5)
    compiled(model)
    return Program(
        *(model, train, validation.batch(256), (data.tx, data.ty)),
        epochs=20,
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
        *(model, train, validation, (data.tx, data.ty)), epochs=25, batch_size=None
    )


def falling() -> tuple[keras.callbacks.Callback, ...]:
    """Returns what lowers the rate as training goes on."""
    def rate(epoch: int, _: float) -> float:
        return 1.2 * 0.8**epoch

    return (keras.callbacks.LearningRateScheduler(rate),)


def plateau() -> tuple[keras.callbacks.Callback, ...]:
    """Returns what lowers the rate when nothing improves."""
    return (keras.callbacks.ReduceLROnPlateau(factor=0.3, patience=2),)


SGD_LOOP = MLP.but(optimizer=optimizers.SGD, learning_rate=0.1)
_NORM = FLOWERS.but(norm=True, epochs=15)
_FLAT_NORM = MLP.but(norm=True, norm_momentum=0.99, epochs=20)
_FALLING = MLP.but(
    optimizer=optimizers.SGD, learning_rate=1.2, callbacks=falling, units=(128, 64)
)
_PLATEAU = FASHION_MLP.but(
    optimizer=optimizers.SGD, learning_rate=0.9, callbacks=plateau, epochs=25
)
_FROZEN = "learning_rate_frozen|learning_rate_too_high"

CASES: tuple[Case, ...] = table(
    (
        *("not told that it trains", "tf #35585, #31184", "flowers", "c"),
        *("train_eval_mismatch", looped(_NORM, training=False), {}),
    ),
    (
        *("moving averages too slow", "I14 miss_infer_batchnorm", "digits", "r"),
        "train_eval_mismatch",
        faulty(_FLAT_NORM, norm_momentum=0.9999),
        {},
    ),
    (
        *("moving averages too slow, CNN", "keras #6977, #9214", "flowers", "c"),
        *("train_eval_mismatch", faulty(_NORM, norm_momentum=0.999), {}),
    ),
    (
        *("divided by 64 devices", "tf #52589, #33809", "digits", "r"),
        "replica_scaling|learning_rate_too_low|loss_output_mismatch|stopped_too_early",
        looped(SGD_LOOP, replicas=64.0),
        {},
    ),
    (
        *("added up over devices", "tf #45923, keras #16285", "fashion", "c"),
        "replica_scaling|learning_rate_too_high|loss_output_mismatch|"
        "exploding_gradients|dead_units",
        looped(
            FASHION_MLP.but(optimizer=optimizers.SGD, learning_rate=0.05), total=True
        ),
        {},
    ),
    (
        *("variables of the head", "own: P16", "digits", "c"),
        *("wrong_variables|frozen_weights", head_only, {}),
    ),
    (
        *("variables of the stem", "own: P16", "flowers", "r"),
        *("wrong_variables|frozen_weights", first_block_only, {}),
    ),
    (
        *("average that never arrives", "own: P19", "digits", "c"),
        *("stale_evaluation_weights", averaged(CNN, 0.9999, 0.98), {}),
    ),
    (
        *("slow average", "own: P19", "fashion", "r", "stale_evaluation_weights"),
        *(averaged(FASHION_MLP, 0.99995, 0.98), {}),
    ),
    (
        *("metric never reset", "ViP #34, code2seq #112", "flowers", "c", "metric_bug"),
        *(never_reset, {"ruler": True}),
    ),
    (
        *("binary accuracy of ten", "keras-style metric", "digits", "r", "metric_bug"),
        *(binary_metric, {"ruler": True}),
    ),
    (
        *("augmented validation", "own: P17", "flowers", "r"),
        "random_validation|preprocessing_mismatch",
        *(augmented_validation, {"ruler": True}),
    ),
    (
        *("noise in validation", "own: P17", "digits", "c"),
        "random_validation|preprocessing_mismatch",
        *(noisy_validation, {"ruler": True}),
    ),
    (
        *("rate noted once", "tf #51795", "digits", "r", _FROZEN),
        *(looped(_FALLING, frozen_rate=True), {}),
    ),
    (
        *("plateau without effect", "own: P20", "fashion", "c", _FROZEN),
        *(looped(_PLATEAU, frozen_rate=True), {}),
    ),
)
