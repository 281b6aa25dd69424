"""Locates the origin of NaN or infinity: step, examples, layer and operation."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from framework.data.feed import OrderedFeed
from framework.data.split import Split
from framework.errors import RunError
from framework.loop.checkpoint import Checkpoints
from framework.loop.objective import MicroBatch, Objective
from framework.loop.state import RESET_TO_BEST, TrainState
from framework.loop.train_loop import TrainLoop
from framework.numerics.draws import Draws
from framework.report.history import History
from framework.system import archive

# The maximum number of examples that a message names.
_MAX_NAMES = 10
_REMEDY = "try a lower --learning_rate, --clip_norm=1, or --on_nonfinite=skip"


class NonFiniteError(RunError):
    """The loss or the weights have become NaN or infinite.

    Args:
        step: The number of steps after which it was detected.
    """

    def __init__(self, step: int):
        super().__init__(f"loss or weights are not finite after step {step}; {_REMEDY}")
        self.step = step


class DivergedError(RunError):
    """Training has ended with numbers that are not finite, for a known origin."""


@dataclasses.dataclass
class Origin:
    """The first tensor that was not finite.

    Attributes:
        what: Its description; empty as long as all tensors are finite.
        examples: The examples of the micro-batch whose values are not finite, bool [B];
            None if the tensor has no values per example.
    """

    what: str = ""
    examples: np.ndarray | None = None

    def see(self, what: str, value: object, size: int) -> None:
        """Inspects tensors.

        Args:
            what: Their description.
            value: A tensor, or a structure of tensors.
            size: The number of examples of the micro-batch.
        """
        for tensor in tf.nest.flatten(value):
            if self.what or not tf.is_tensor(tensor) or not tensor.dtype.is_floating:
                continue
            bad = ~np.isfinite(tf.cast(tensor, tf.float32).numpy())
            if bad.any():
                self.what = what
                if bad.ndim and len(bad) == size:
                    self.examples = bad.reshape(size, -1).any(axis=1)


def explain(
    problem: NonFiniteError,
    state: TrainState,
    loop: TrainLoop,
    history: History,
    checkpoints: Checkpoints,
    monitor: str,
    workdir: Path,
) -> RunError:
    """Repeats the steps since the last checkpoint one by one to locate the origin.

    Writes the batch of the step to the run's folder.

    Args:
        problem: The error.
        state: The training state; changed.
        loop: The compiled training loop.
        history: The evaluations so far.
        checkpoints: The checkpoints of the run.
        monitor: The metric that determines the best evaluation.
        workdir: The run's folder.

    Returns:
        The error to raise.
    """
    feed = loop.feed
    if not isinstance(feed, OrderedFeed):
        return DivergedError(
            f"{problem}; the batches of a stream cannot be read again to find the "
            f"step; {_REMEDY}"
        )
    if loop.update.skip:
        # The last step was skipped: the state is that before it.
        step = problem.step - 1
    else:
        step = _replay(problem.step, state, loop, history, checkpoints, monitor)
        if step == problem.step:
            return RunError(
                f"{problem} (repeated from the last checkpoint, they were finite)"
            )
        _replay(step, state, loop, history, checkpoints, monitor)
    indices = feed.indices(step)
    split = feed.batches.split.take(indices).in_memory(lambda done, total: None)
    path = workdir / _record_name(step + 1)
    arrays = {"images": split.images, "labels": split.labels, "indices": indices}
    archive.write(path, step + 1, arrays)
    what, is_bad = _find_in_batch(state, loop, step, split)
    return DivergedError(
        f"in step {step + 1} numbers are no longer finite: {what}; examples "
        f"{_list_examples(indices[is_bad])} of the training split; the batch is in "
        f"{path}; {_REMEDY}"
    )


def _record_name(step: int) -> str:
    return f"nonfinite-step-{step:08d}.npz"


def recorded_step(workdir: Path, after: int = 0) -> int:
    """Returns the step in which the numbers of a run have ceased to be finite.

    Args:
        workdir: The run's folder.
        after: The step of the weights; what was before has been resumed since.

    Returns:
        0 if there is no record of such a step.
    """
    steps = []
    for path in workdir.glob("nonfinite-step-*.npz"):
        digits = path.stem.rpartition("-")[2]
        if digits.isdecimal() and int(digits) > after:
            steps.append(int(digits))
    return max(steps, default=0)


def _find_in_batch(
    state: TrainState, loop: TrainLoop, step: int, batch: Split
) -> tuple[str, np.ndarray]:
    """Returns the first tensor of a step that is not finite, and its examples.

    Returns:
        The tensor's description, and the examples, bool [B].
    """
    is_bad = np.zeros(len(batch), bool)
    size = len(batch) // loop.parts
    for start in range(0, len(batch), size):
        place = slice(start, start + size)
        origin = find(state, loop.objective, _micro_batch(loop, step, batch, place))
        if origin.what:
            is_bad[place] = True if origin.examples is None else origin.examples
            return origin.what, is_bad
    return "the weights after the optimizer's update", ~is_bad


def find(state: TrainState, objective: Objective, batch: MicroBatch) -> Origin:
    """Finds the first tensor of a loss and its gradient that is not finite.

    Everything but augmentation is executed eagerly, op by op.

    Args:
        state: The training state.
        objective: The training objective.
        batch: The examples.
    """
    origin, size, weights = Origin(), batch.size, state.weights
    # Augmentation is compiled by XLA, whose intermediate tensors are not accessible.
    images, own_fraction = objective.augmented(batch)
    origin.see("the images of the data set", batch.images, size)
    origin.see("the output of augmentation", images, size)
    origin.see("the output of normalization", objective.normalize(images), size)
    with _watched_layers(objective.model, origin, size):
        gradients, sums = objective.gradients_at(
            images, own_fraction, batch, weights, 1.0
        )
    operation = _nonfinite_operation(
        lambda: objective.gradients_at(images, own_fraction, batch, weights, 1.0)
    )
    origin.see("the loss of finite logits", sums["loss"], size)
    variables = state.model.trainable_variables
    # In the order of backpropagation: the last layer first.
    for variable, gradient in list(zip(variables, gradients, strict=True))[::-1]:
        origin.see(f"the gradient of {variable.path}", gradient, size)
    if origin.what and operation:
        origin.what += f" (operation {operation})"
    return origin


def _replay(
    until: int,
    state: TrainState,
    loop: TrainLoop,
    history: History,
    checkpoints: Checkpoints,
    monitor: str,
) -> int:
    """Trains again from the last checkpoint, step by step.

    Returns:
        The index of the first step after which numbers are not finite, or `until`.
    """
    evaluated = {row["step"]: row for row in history.rows}
    start = checkpoints.roll_back()
    loop.feed.reset()
    for step in range(start, until):
        loop(step, 1)
        if not loop.is_finite():
            return step
        row = evaluated.get(step + 1)
        if row and state.learning_rate.observe(step + 1, row):
            checkpoints.restore_best(RESET_TO_BEST, history.ranked(monitor, step + 1))
    return until


def _micro_batch(loop: TrainLoop, step: int, batch: Split, place: slice) -> MicroBatch:
    """Returns examples of the batch of a step, as a single device gets them."""
    index = step % loop.feed.per_epoch
    examples = min(loop.feed.size - index * len(batch), len(batch))
    is_example = np.arange(len(batch))[place] < examples
    start = tf.constant(place.start, tf.int64)
    draws = Draws(loop.seed, tf.constant(step, tf.int64), start, len(is_example))
    return MicroBatch(
        tf.constant(batch.images[place]),
        tf.constant(batch.labels[place].astype(np.int32)),
        tf.constant(is_example.astype(np.float32) / examples),
        draws,
        None if batch.weights is None else tf.constant(batch.weights[place]),
    )


def _watched(
    function: Callable[..., object], name: str, origin: Origin, size: int
) -> Callable[..., object]:
    """Wraps a function so that `origin` sees its inputs and outputs."""

    def call(*args: object, **kwargs: object) -> object:
        origin.see(f"the input of {name}", args, size)
        output = function(*args, **kwargs)
        origin.see(f"the output of {name}", output, size)
        return output

    return call


@contextlib.contextmanager
def _watched_layers(model: keras.Model, origin: Origin, size: int) -> Iterator[None]:
    """Lets `origin` see the inputs and outputs of each layer of a model."""
    layers = list(model._flatten_layers(include_self=False))
    for layer in layers:
        name = f"layer {layer.name} ({type(layer).__name__})"
        vars(layer)["call"] = _watched(layer.call, name, origin, size)
    try:
        yield
    finally:
        for layer in layers:
            vars(layer).pop("call", None)


def _nonfinite_operation(compute: Callable[[], object]) -> str:
    """Returns the first TensorFlow operation whose output is not finite, or ""."""
    tf.debugging.enable_check_numerics()
    try:
        compute()
    except tf.errors.InvalidArgumentError as problem:
        match = re.search(r'op "(\w+)"', problem.message)
        return match[1] if match else ""
    finally:
        tf.debugging.disable_check_numerics()
    return ""


def _list_examples(indices: np.ndarray) -> str:
    """Formats the indices of examples for a message."""
    names = ", ".join(map(str, np.unique(indices)[:_MAX_NAMES]))
    return f"{names}, ..." if len(indices) > _MAX_NAMES else names
