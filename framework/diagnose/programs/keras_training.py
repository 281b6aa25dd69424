"""Trains a Keras model with an intervention."""

from __future__ import annotations

import contextlib
import functools
import types
from collections.abc import Callable, Iterable, Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf

from framework import augment
from framework.diagnose.core.budget import Allowance
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import NotApplicableError
from framework.diagnose.core.program import TrialResult
from framework.diagnose.programs import model_edits
from framework.diagnose.programs.keras_batches import Examples
from framework.diagnose.programs.keras_data import Source
from framework.diagnose.programs.keras_loop import KerasLoop
from framework.diagnose.programs.keras_optimizers import (
    changed_optimizer,
    copy_moments,
    inner,
    rate_variable,
)
from framework.numerics import labels as labels_lib
from framework.numerics import outputs
from framework.numerics.draws import Draws

_SEED = 0
# More epochs than a training has: their draws are those of a seed.
_EPOCHS_OF_SEED = 1_000_000
# Fields of an intervention that change what is fed, or the values of variables.
_FED = {
    "batch_size_factor",
    "standardize",
    "rescale",
    "reinitialize",
    "balance",
    "shuffle",
    "train",
    "train_for_factor",
    "seed",
    "unweighted",
}
# The same where the learning rate is a variable, rather than a schedule.
_RATES = {"learning_rate_factor", "constant_learning_rate"}
# The first loop, which is that of the unchanged model as a rule, and the last one. Each
# keeps its graph and the variables of its optimizer in memory.
_MOST_KEPT = 2
# By this fraction of its steps it is foreseen how long a trial will take.
_TIMED = 50
_Key = frozenset[tuple[str, object]]
Scale = Callable[[np.ndarray], np.ndarray]


class Trainer:
    """Trains a model with one intervention after the other.

    Tracing and compiling a step takes seconds. So a compiled loop is kept, and is used
    again for interventions that its graph does not depend on, such as other rates.

    Args:
        model: Compiled; a copy of its optimizer is used.
        source: The training data.
        loop: One that has trained the unchanged model; then its optimizer is used as
            well, and the caller restores it. None for none.
        rates: The learning rates that callbacks have set, one for each epoch of the
            original training; a trial has them in the same parts of its length. Empty
            if there are none.
    """

    def __init__(
        self,
        model: keras.Model,
        source: Source,
        loop: KerasLoop | None = None,
        rates: Sequence[float] = (),
    ):
        self._model, self._source, self._rates = model, source, rates
        self._loops: dict[_Key, tuple[KerasLoop, keras.optimizers.Optimizer]] = {}
        # Trials train without an average of the weights.
        if loop is not None and not inner(model.optimizer).use_ema:
            key = _graph_key(model.optimizer, Intervention())
            self._loops[key] = loop, model.optimizer

    def train(
        self,
        intervention: Intervention,
        epochs: float,
        continued: bool,
        images: tuple[np.ndarray, np.ndarray],
        allowance: Allowance | None = None,
    ) -> TrialResult:
        """Trains the model from its present state, in place.

        Args:
            intervention: What is different.
            epochs: The length, in epochs of the source.
            continued: Whether with the moments of the optimizer.
            images: Validation and training images, which are predicted at the end.
            allowance: Is told of the progress.

        Raises:
            NotApplicableError: The model has nothing to change so.
            TooSlowError: It would take much longer than it may.
        """
        model, source = self._model, self._source
        classes = labels_lib.classes(source.fed[1])
        if intervention.consistent_loss and source.outputs == 1 and classes.max() > 1:
            raise NotApplicableError(
                "one output cannot distinguish more than two classes"
            )
        with changed(model, intervention) as (other, optimizer):
            if continued:
                copy_moments(model.optimizer, optimizer)
            loop, optimizer = self._loop(other, optimizer, intervention)
            other.optimizer = optimizer
            scale = make_scale(source, intervention)
            allowance = allowance or Allowance()

            def predict(images: np.ndarray) -> np.ndarray:
                return outputs.predicted(loop.predict(scale(images)))

            done, passes, total = 0, 0, steps_of(source, intervention, epochs)
            rates = self._rates_by_step(intervention, total, continued)
            for epoch, order, size in training_epochs(source, intervention, epochs):
                x = scale(epoch.x)
                for part in _parts(order, size, done, total, rates):
                    if done in rates:
                        inner(optimizer).learning_rate = rates[done]
                    loop.train(x, epoch.y, part, size, weights=epoch.weights)
                    done += -(-len(part) // size)
                    allowance.check(done, total)
                passes += 1
                # The run is evaluated after each of its epochs as well.
                if done < total and allowance.is_futile(
                    passes, lambda: predict(images[0])
                ):
                    break
            validation, train = map(predict, images)
            state = tuple(
                np.array(each.numpy())
                for each in (*other.variables, *optimizer.variables)
            )
        was_stopped = done < total
        return TrialResult(
            validation,
            train,
            float(passes) if was_stopped else epochs,
            was_stopped=was_stopped,
            state=state,
        )

    def _rates_by_step(
        self, intervention: Intervention, total: int, continued: bool
    ) -> dict[int, float]:
        """Returns the learning rates of a trial by the steps where they change."""
        if continued or intervention.constant_learning_rate:
            return {}
        count, result = len(self._rates), {}
        for place, value in enumerate(self._rates):
            if not place or value != self._rates[place - 1]:
                step = -(-place * total // count)
                result[step] = value * intervention.learning_rate_factor
        return result

    def _loop(
        self,
        other: keras.Model,
        optimizer: keras.optimizers.Optimizer,
        intervention: Intervention,
    ) -> tuple[KerasLoop, keras.optimizers.Optimizer]:
        """Returns a loop, traced already if there is one, and its optimizer."""
        if other is not self._model:
            # Another model is made anew for each trial.
            return KerasLoop(other), optimizer
        key = _graph_key(optimizer, intervention)
        if key not in self._loops:
            if len(self._loops) == _MOST_KEPT:
                self._loops.popitem()
            self._loops[key] = KerasLoop(other), optimizer
        loop, known = self._loops[key]
        if _shapes(known) != _shapes(optimizer):
            # The program's step has built it for some of the weights only.
            return KerasLoop(other), optimizer
        for variable, value in zip(known.variables, optimizer.variables, strict=True):
            variable.assign(value)
        return loop, known


def _shapes(optimizer: keras.optimizers.Optimizer) -> list[tuple[int, ...]]:
    return [tuple(variable.shape) for variable in optimizer.variables]


def _graph_key(
    optimizer: keras.optimizers.Optimizer, intervention: Intervention
) -> _Key:
    """Returns the changes that a step is traced anew for."""
    differences = intervention.differences()
    has_variable = rate_variable(optimizer) is not None
    fed = {*_FED, *_RATES} if has_variable else _FED
    # Of augmentations, only none at all changes the model.
    key = {name: value for name, value in differences.items() if name not in fed}
    key |= {"augment": differences.get("augment") == "", "is_variable": has_variable}
    return frozenset(key.items())


def training_epochs(
    source: Source, intervention: Intervention, epochs: float
) -> Iterator[tuple[Examples, np.ndarray, int]]:
    """Yields the epochs of a trial.

    Args:
        source: The training data.
        intervention: What is different from the original training.
        epochs: The length, in epochs of the original training.

    Yields:
        Examples, their order (int [N]) and the batch size.
    """
    given = Examples(*source.fed, source.weights)
    size = batch_size(source, intervention)
    steps = steps_of(source, intervention, epochs)
    if intervention.train is not None:
        images, y = intervention.train.images, source.like(intervention.train.labels)
        given = Examples(images, y, source.weights_of(images, y))
    # Another seed has other orders and draws.
    epoch = intervention.seed * _EPOCHS_OF_SEED
    while steps > 0:
        if intervention.train is None:
            given = source.epoch()
        # Classes that are drawn equally often need no weights of their own.
        is_equal = intervention.balance and source.class_weight
        if given.weights is not None and (intervention.unweighted or is_equal):
            given = given._replace(weights=np.ones_like(given.weights))
        order = _order(source, intervention, epoch, given.y)[: steps * size]
        x = augmented(given.x, intervention.augment or "", epoch)
        yield given._replace(x=x), order, size
        steps -= -(-len(order) // size)
        epoch += 1


def steps_of(source: Source, intervention: Intervention, epochs: float) -> int:
    """Returns the number of steps of a trial.

    Args:
        source: The training data.
        intervention: Of which the batch size counts.
        epochs: The length, in epochs of the original training.
    """
    size = batch_size(source, intervention)
    return max(round(epochs * len(source.arrays[0]) / size), 1)


def batch_size(source: Source, intervention: Intervention) -> int:
    """Returns the images of a batch of a trial."""
    return max(round(source.batch_size * intervention.batch_size_factor), 1)


def _parts(
    order: np.ndarray, size: int, done: int, total: int, marks: Iterable[int] = ()
) -> list[np.ndarray]:
    """Divides an epoch, the first so that it is soon known how long a trial will take.

    Args:
        order: Of the epoch's examples.
        size: Of a batch.
        done: Steps before this epoch.
        total: Steps of the trial.
        marks: Steps before which to divide it as well, counted from the trial's first.
    """
    ends = {mark - done for mark in marks if mark > done}
    if not done:
        # The first step is compiled.
        ends |= {1, 1 + max(total // _TIMED, 1)}
    places = sorted(size * end for end in ends if size * end < len(order))
    return [part for part in np.split(order, places) if len(part)]


def _order(
    source: Source, intervention: Intervention, epoch: int, y: np.ndarray
) -> np.ndarray:
    generator = np.random.Generator(np.random.PCG64([_SEED, epoch]))
    if intervention.balance:
        labels = labels_lib.classes(y)
        rows = {each: np.flatnonzero(labels == each) for each in np.unique(labels)}
        drawn = generator.choice(list(rows), len(y))
        return np.array([generator.choice(rows[each]) for each in drawn])
    if intervention.shuffle or intervention.train is not None:
        return generator.permutation(len(y))
    return source.order(epoch, len(y))


def make_scale(source: Source, intervention: Intervention) -> Scale:
    """Returns a function that scales images as an intervention says.

    Args:
        source: The training data, whose moments are used.
        intervention: Of which `standardize` and `rescale` count.
    """
    if intervention.rescale is not None:
        factor, offset = intervention.rescale
        return lambda images: (factor * images + offset).astype(np.float32)
    if not intervention.standardize:
        return lambda images: images
    images = source.arrays[0].astype(np.float32)
    axes = tuple(range(images.ndim - 1))
    mean, std = images.mean(axes), np.maximum(images.std(axes), 1e-6)
    return lambda images: ((images - mean) / std).astype(np.float32)


@contextlib.contextmanager
def changed(
    model: keras.Model, intervention: Intervention
) -> Iterator[tuple[keras.Model, keras.optimizers.Optimizer]]:
    """Changes a model for as long as it is entered.

    Args:
        model: Compiled; its weights are left to the caller.
        intervention: What is different.

    Yields:
        The model to train, which may be another one with the same layers, and a new
        optimizer for it.

    Raises:
        NotApplicableError: The model has nothing to change so.
    """
    with model_edits.changed(model, intervention) as other:
        optimizer = changed_optimizer(model.optimizer, intervention)
        with _compiled(model, other, optimizer, intervention):
            yield other, optimizer


@contextlib.contextmanager
def _compiled(
    model: keras.Model,
    other: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    intervention: Intervention,
) -> Iterator[None]:
    """Gives a model another loss, step and optimizer for as long as it is entered."""
    own = vars(other)
    kept = {name: own.get(name) for name in ("compute_loss", "train_step")}
    try:
        if other is not model:
            weights = getattr(model._compile_loss, "_user_loss_weights", None)
            other.compile(optimizer, model.loss, loss_weights=weights)
        if intervention.consistent_loss:
            own["compute_loss"] = functools.partial(_cross_entropy, other)
        if intervention.consistent_loss or intervention.keras_step:
            own["train_step"] = types.MethodType(keras.Model.train_step, other)
        optimizer.build(other.trainable_variables)
        yield
    finally:
        for name, value in kept.items():
            own.pop(name, None)
            if value is not None:
                own[name] = value


def _cross_entropy(
    model: keras.Model,
    x: tf.Tensor = None,
    y: tf.Tensor = None,
    y_pred: tf.Tensor = None,
    sample_weight: tf.Tensor | None = None,
    *_: object,
    **__: object,
) -> tf.Tensor:
    """Returns the mean cross-entropy of logits, plus the penalties of layers."""
    if y.shape.rank > 1 and y.shape[-1] > 1:
        labels = tf.argmax(y, axis=-1)
    else:
        labels = tf.cast(tf.reshape(y, [-1]), tf.int64)
    logits = tf.cast(y_pred, tf.float32)
    if logits.shape[-1] == 1:
        logits = tf.concat([tf.zeros_like(logits), logits], axis=-1)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    if sample_weight is not None:
        losses *= tf.cast(tf.reshape(sample_weight, [-1]), tf.float32)
    return tf.reduce_mean(losses) + sum(model.losses)


def augmented(images: np.ndarray, text: str, epoch: int) -> np.ndarray:
    """Augments images as trials do, with draws of their own in each epoch.

    Args:
        images: [N, height, width, C], uint8 or float32.
        text: An augmentation spec, such as "rotate(10) + flip"; "" for none.
        epoch: Counted from 0; each has other draws.

    Returns:
        float32 [N, height, width, C]; the images themselves for an empty spec.

    Raises:
        NotApplicableError: The array holds no images.

    Example:
        >>> augmented(np.zeros([2, 8, 8, 1], np.float32), "flip", epoch=0).shape
        (2, 8, 8, 1)
    """
    if not text:
        return images
    if images.ndim != 4:
        raise NotApplicableError("the examples are not images")
    policy = augment.build(text, of_bytes=images.dtype == np.uint8)
    if policy is None:
        return images
    zero = tf.constant(0, tf.int64)
    draws = Draws(_SEED, tf.constant(epoch, tf.int64), zero, len(images))
    result: np.ndarray = policy(tf.constant(images), draws, len(images)).numpy()
    return result
