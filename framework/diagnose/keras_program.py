"""A compiled Keras model, trained as `fit` would train it."""

from __future__ import annotations

import contextlib
import functools
import types
from collections.abc import Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf

from framework import augment
from framework.data.dataset import Split
from framework.diagnose import layers, outputs, surgery
from framework.diagnose.change import CannotChangeError, Change
from framework.diagnose.keras_loop import KerasLoop
from framework.diagnose.source import Source, labels_of, like
from framework.diagnose.subject import Branch, Program, Step, ratio
from framework.random import Draws

_SEED = 0


class KerasProgram(Program):
    """See base class.

    Args:
        model: Compiled.
        source: What it is trained on.
        validation: What it is validated on: x [N, ...], and classes int [N].
        num_classes: How many there are.
    """

    def __init__(self, model: keras.Model, source: Source, num_classes: int):
        self._model, self._source, self._num_classes = model, source, num_classes
        self._build()
        self._loop = KerasLoop(model)
        self.initial = _values(self._state())

    @property
    def model(self) -> keras.Model:
        """See base class."""
        return self._model

    @property
    def loop(self) -> KerasLoop:
        """What trains and asks the model as it is."""
        return self._loop

    def order(self, epoch: int, count: int) -> np.ndarray:
        """Returns in which order an epoch goes through its examples: int [N]."""
        if not self._source.shuffle:
            return np.arange(count)
        return np.random.Generator(np.random.PCG64([_SEED, epoch])).permutation(count)

    @contextlib.contextmanager
    def as_before(self) -> Iterator[None]:
        """Undoes whatever changes the model or its optimizer while it is entered."""
        variables = self._state()
        before = _values(variables)
        trainable = [
            (layer, layer.trainable) for layer in self._model._flatten_layers()
        ]
        optimizer = self._model.optimizer
        try:
            yield
        finally:
            for layer, value in trainable:
                if layer.trainable != value:
                    layer.trainable = value
            self._model.optimizer = optimizer
            _assign(variables, before)

    def ask(self, images, training=False):
        """See base class."""
        return self._loop.ask(images, training)

    def inputs(self, images):
        """See base class."""
        return np.asarray(images, np.float32)

    def ask_live(self, images):
        """See base class."""
        with self.as_before():
            if self.live is not None:
                _assign(self._model.trainable_variables, self.live)
            return self.ask(images)

    # The weights after the last step, where others have taken their place.
    live: list[np.ndarray] | None = None

    def finish(self) -> None:
        """Does what `fit` does after the last step: an average takes its place."""
        weights = self._model.trainable_variables
        if self._model.optimizer.use_ema:
            self.live = _values(weights)
            self._model.optimizer.finalize_variable_values(weights)

    def ask_reestimated(self, images, train):
        """See base class."""
        norms = surgery.batch_norms(self._model)
        with self.as_before(), surgery.reestimating(norms):
            for batch in surgery.batches(train):
                self._model(_as_fed(batch), training=True)
            return self.ask(images)

    def penalty(self, fresh):
        """See base class."""
        with self._weights(fresh):
            return float(sum(float(loss) for loss in self._model.losses))

    def steps(self, count, fresh):
        """See base class."""
        found, size = [], self._source.batch_size
        x, y = self._source.arrays
        order = self.order(0, len(x))
        with self._weights(fresh):
            for place in range(count):
                rows = np.take(
                    order, range(place * size, (place + 1) * size), mode="wrap"
                )
                batch = x[rows], y[rows]
                old = _values(self._model.trainable_variables)
                before = self._batch_loss(*batch)
                self._loop.train(*batch, np.arange(len(rows)), size)
                new = _values(self._model.trainable_variables)
                found.append(Step(before, self._batch_loss(*batch), ratio(old, new)))
        return found

    def _batch_loss(self, x: np.ndarray, y: np.ndarray) -> float:
        said = tf.constant(self.ask(x))
        return float(self._loss(self._model, None, _as_fed(y), said))

    def loss(self, labels, outputs):
        """See base class."""
        y = tf.constant(like(self._source.arrays[1], labels))
        said = tf.constant(outputs.astype(np.float32))
        return float(self._loss(self._model, None, y, said)) - self.penalty(False)

    def gradients(self, split, fresh):
        """See base class."""
        x, y = self._batch(split)
        with self._weights(fresh), tf.GradientTape() as tape:
            loss = self._loss(self._model, x, y, self._model(x, training=True))
        weights = self._model.trainable_variables
        found = tape.gradient(loss, [weight.value for weight in weights])
        return {
            weight.path: None
            if gradient is None
            else tf.convert_to_tensor(gradient).numpy()
            for weight, gradient in zip(weights, found, strict=True)
        }

    def applied(self, split: Split) -> dict[str, np.ndarray]:
        """Returns by which gradient a step of the program really moves each weight.

        Args:
            split: The batch of that step.
        """
        x, y = self._batch(split)
        with self.as_before():
            _assign(self._state(), self.initial)
            self._model.optimizer = keras.optimizers.SGD(1.0)
            self._model.optimizer.build(self._model.trainable_variables)
            before = _values(self._model.trainable_variables)
            KerasLoop(self._model).train(
                x.numpy(), y.numpy(), np.arange(len(x)), len(x)
            )
            after = _values(self._model.trainable_variables)
        names = [weight.path for weight in self._model.trainable_variables]
        return {
            name: old - new for name, old, new in zip(names, before, after, strict=True)
        }

    def moved(self, split: Split, factor: float) -> float:
        """Returns how far a step goes at another learning rate, as a Euclidean norm.

        Args:
            split: The batch of that step.
            factor: What to multiply the learning rate by.

        Raises:
            CannotChangeError: The rate follows a schedule.
        """
        x, y = self._batch(split)
        optimizer = self._model.optimizer
        if not isinstance(optimizer._learning_rate, keras.Variable):
            raise CannotChangeError("the learning rate follows a schedule")
        with self.as_before():
            optimizer.learning_rate.assign(optimizer.learning_rate * factor)
            before = _values(self._model.trainable_variables)
            count = optimizer.gradient_accumulation_steps or 1
            order = np.tile(np.arange(len(x)), count)
            self._loop.train(x.numpy(), y.numpy(), order, len(x))
            after = _values(self._model.trainable_variables)
        return float(
            np.sqrt(
                sum(np.sum((a - b) ** 2) for a, b in zip(after, before, strict=True))
            )
        )

    def activations(self, images, fresh):
        """See base class."""
        with self._weights(fresh), layers.watched(self._model) as seen:
            self._model(tf.constant(images), training=False)
        return seen

    def weights(self, fresh):
        """See base class."""
        with self._weights(fresh):
            return {weight.path: weight.numpy() for weight in self._model.weights}

    def experiment(self, name, change, epochs, fresh):
        """See base class."""
        del name
        with self.as_before(), contextlib.ExitStack() as stack:
            if fresh:
                _assign(self._state(), self.initial)
            model = stack.enter_context(surgery.changed(self._model, change))
            stack.enter_context(self._compiled(model, change, fresh))
            scale = self._scale(change)
            loop = KerasLoop(model)
            self._train(loop, change, scale, epochs)
            predicted = [
                outputs.predicted(loop.ask(scale(images)))
                for images in (self.validation_images, self.train_images)
            ]
        return Branch(*predicted, epochs)

    # Set by what makes the subject, for branches to be asked about.
    validation_images: np.ndarray
    train_images: np.ndarray

    def _train(self, loop, change, scale, epochs) -> None:
        base_x, base_y = self._source.arrays
        x, y = base_x, base_y
        if change.train is not None:
            x, y = change.train.images, like(base_y, change.train.labels)
        size = max(round(self._source.batch_size * change.batch_size), 1)
        steps = max(round(epochs * len(base_x) / size), 1)
        epoch = 0
        while steps > 0:
            if change.train is None:
                x, y = self._source.epoch()
            order = self._order(change, epoch, y)[: steps * size]
            loop.train(scale(_augmented(x, change.augment, epoch)), y, order, size)
            steps -= -(-len(order) // size)
            epoch += 1

    def _order(self, change: Change, epoch: int, y: np.ndarray) -> np.ndarray:
        generator = np.random.Generator(np.random.PCG64([_SEED, epoch]))
        if change.balance:
            labels = labels_of(y)
            classes = np.unique(labels)
            drawn = generator.choice(classes, len(y))
            rows = [generator.choice(np.flatnonzero(labels == each)) for each in drawn]
            return np.array(rows)
        if change.shuffle or change.train is not None:
            return generator.permutation(len(y))
        return self.order(epoch, len(y))

    def _scale(self, change: Change):
        if not change.standardize:
            return lambda images: images
        images = self._source.arrays[0].astype(np.float32)
        axes = tuple(range(images.ndim - 1))
        mean, std = images.mean(axes), np.maximum(images.std(axes), 1e-6)
        return lambda images: ((images - mean) / std).astype(np.float32)

    @contextlib.contextmanager
    def _compiled(
        self, model: keras.Model, change: Change, fresh: bool
    ) -> Iterator[None]:
        """Gives a model an optimizer of its own, and the loss and step of a change."""
        own = vars(model)
        kept = {name: own.get(name) for name in ("compute_loss", "train_step")}
        optimizer = _optimizer(self._model.optimizer, change)
        if model is not self._model:
            model.compile(optimizer=optimizer, loss=self._model.loss)
        if change.consistent_loss:
            own["compute_loss"] = functools.partial(
                _cross_entropy, model, self._num_classes
            )
        if change.consistent_loss or change.plain_step:
            own["train_step"] = types.MethodType(keras.Model.train_step, model)
        model.optimizer = optimizer
        optimizer.build(model.trainable_variables)
        if not fresh:
            _copy(self._model.optimizer, optimizer)
        try:
            yield
        finally:
            for name, value in kept.items():
                own.pop(name, None)
                if value is not None:
                    own[name] = value

    def _build(self) -> None:
        """Has Keras make all variables, by a step that is undone."""
        x, y = self._source.arrays
        batch = x[: self._source.batch_size], y[: self._source.batch_size]
        self._model(_as_fed(batch[0][:2]))
        before = _values(self._model.variables)
        with contextlib.suppress(ValueError):
            self._model.optimizer.build(self._model.trainable_variables)
        rates = _values(self._model.optimizer.variables)
        KerasLoop(self._model).train(
            *batch, np.arange(len(batch[0])), len(batch[0]), True
        )
        _assign(self._model.variables, before)
        variables = self._model.optimizer.variables
        if len(rates) == len(variables):
            _assign(variables, rates)
        self._model.reset_metrics()

    def _state(self) -> list[keras.Variable]:
        """Returns whatever a step can change."""
        owners = [self._model.optimizer, *vars(self._model).values()]
        optimizers = {
            id(each): each
            for each in owners
            if isinstance(each, keras.optimizers.Optimizer)
        }
        found = {id(each): each for each in self._model.variables}
        for optimizer in optimizers.values():
            found |= {id(each): each for each in optimizer.variables}
        return list(found.values())

    @contextlib.contextmanager
    def _weights(self, fresh: bool) -> Iterator[None]:
        with self.as_before():
            if fresh:
                _assign(self._state(), self.initial)
            yield

    def _batch(self, split: Split) -> tuple[tf.Tensor, tf.Tensor]:
        y = like(self._source.arrays[1], split.labels)
        return _as_fed(split.images), _as_fed(y)

    @staticmethod
    def _loss(model, x, y, said):
        return model.compute_loss(x=x, y=y, y_pred=said)


def _as_fed(values: np.ndarray) -> tf.Tensor:
    if values.dtype == np.float64:
        values = values.astype(np.float32)
    return tf.constant(values)


def _cross_entropy(model, num_classes, x=None, y=None, y_pred=None, *_, **__):
    """Returns mean cross-entropy of logits, and the penalties of layers."""
    if y.shape.rank > 1 and y.shape[-1] > 1:
        labels = tf.argmax(y, axis=-1)
    else:
        labels = tf.cast(tf.reshape(y, [-1]), tf.int64)
    logits = tf.cast(y_pred, tf.float32)
    if logits.shape[-1] == 1:
        if num_classes > 2:
            raise CannotChangeError("one output cannot tell more than two classes")
        logits = tf.concat([tf.zeros_like(logits), logits], axis=-1)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    return tf.reduce_mean(losses) + sum(model.losses)


def _optimizer(
    optimizer: keras.optimizers.Optimizer, change: Change
) -> keras.optimizers.Optimizer:
    """Returns a new optimizer like another one, but for the changes."""
    config = optimizer.get_config()
    config["use_ema"] = False
    rate = config.pop("learning_rate")
    if isinstance(rate, dict):
        raise_at = keras.optimizers.schedules.deserialize(rate)
        config["learning_rate"] = _Scaled(raise_at, change.learning_rate)
    else:
        config["learning_rate"] = float(rate) * change.learning_rate
    if change.weight_decay is not None:
        config["weight_decay"] = change.weight_decay or None
    if change.clip_norm:
        config |= {"global_clipnorm": change.clip_norm, "clipnorm": None}
        config["clipvalue"] = None
    return type(optimizer).from_config(config)


class _Scaled(keras.optimizers.schedules.LearningRateSchedule):
    """A multiple of another schedule."""

    def __init__(self, schedule, factor: float):
        self._schedule, self._factor = schedule, factor

    def __call__(self, step):
        return self._factor * self._schedule(step)

    def get_config(self):
        """Returns what it takes to make it again."""
        return {"schedule": self._schedule, "factor": self._factor}


def _copy(
    source: keras.optimizers.Optimizer, target: keras.optimizers.Optimizer
) -> None:
    """Gives an optimizer the moments of another one."""
    moments = {variable.path: variable for variable in source.variables}
    for variable in target.variables:
        other = moments.get(variable.path)
        if variable is getattr(target, "_learning_rate", None) or other is None:
            continue
        if tuple(other.shape) == tuple(variable.shape):
            variable.assign(other)


def _augmented(x: np.ndarray, text: str | None, epoch: int) -> np.ndarray:
    """Returns images changed as a spec says, by draws of their own in each epoch."""
    if not text:
        return x
    if x.ndim != 4:
        raise CannotChangeError("these are no images")
    policy = augment.build(text, of_bytes=x.dtype == np.uint8)
    zero = tf.constant(0, tf.int64)
    draws = Draws(_SEED, tf.constant(epoch, tf.int64), zero, len(x))
    return policy(tf.constant(x), draws, len(x)).numpy()


def _values(variables: Sequence[keras.Variable]) -> list[np.ndarray]:
    return [np.array(variable.value) for variable in variables]


def _assign(variables: Sequence[keras.Variable], values: Sequence[np.ndarray]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
