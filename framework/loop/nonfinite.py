"""Where numbers that are not finite began: step, examples, layer and operation."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from framework.data.dataset import Split
from framework.errors import RunError
from framework.loop.checkpoint import Checkpoints
from framework.loop.state import REWOUND, TrainState
from framework.loop.step import Objective, Rows
from framework.loop.steps import TrainLoop
from framework.numerics.draws import Draws
from framework.report.history import History
from framework.system import archive

# A message names no more examples than this.
_MOST_NAMES = 10
_REMEDY = "try a lower --learning_rate, --clip_norm=1, or --on_nonfinite=skip"


class NonFiniteError(RunError):
    """The loss or the weights have become NaN or infinite.

    Args:
        step: After how many steps this was found out.
    """

    def __init__(self, step: int):
        super().__init__(
            f"loss or weights were no longer finite after step {step}; {_REMEDY}"
        )
        self.step = step


@dataclasses.dataclass
class Origin:
    """What was not finite first.

    Attributes:
        what: In words; empty as long as all is finite.
        examples: bool [rows], which rows of the part it was seen in, if it has rows.
    """

    what: str = ""
    examples: np.ndarray | None = None

    def see(self, what: str, value: object, size: int) -> None:
        """Takes a look at some tensors of a part of so many rows."""
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
    """Does the steps since the last checkpoint once more, one by one.

    The batch of the step is written to the run's folder.

    Returns:
        What to tell the user.
    """
    if loop.update.skip:
        # The state is as it was before the last step, which was left out as well.
        step = problem.step - 1
    else:
        step = _replay(problem.step, state, loop, history, checkpoints, monitor)
        if step == problem.step:
            return RunError(
                f"{problem} (done again from the last checkpoint, they were)"
            )
        _replay(step, state, loop, history, checkpoints, monitor)
    rows = loop.feed.indices(step)
    split = loop.feed.batches.split.take(rows).in_memory(lambda done, total: None)
    path = workdir / f"nonfinite-step-{step + 1:08d}.npz"
    arrays = {"images": split.images, "labels": split.labels, "indices": rows}
    archive.write(path, step + 1, arrays)
    what, guilty = _find_in_batch(state, loop, step, split)
    return RunError(
        f"in step {step + 1} numbers are no longer finite: {what}; examples "
        f"{_named(rows[guilty])} of the training split; its batch is in {path}; "
        f"{_REMEDY}"
    )


def _find_in_batch(
    state: TrainState, loop: TrainLoop, step: int, batch: Split
) -> tuple[str, np.ndarray]:
    """Returns what in a step is not finite first, and of which rows: bool [B]."""
    guilty = np.zeros(len(batch), bool)
    size = len(batch) // loop.feed.micro_batches
    for start in range(0, len(batch), size):
        mine = slice(start, start + size)
        part = _part(loop, step, batch, mine)
        origin = find(state, loop.objective, part)
        if origin.what:
            guilty[mine] = True if origin.examples is None else origin.examples
            return origin.what, guilty
    return "the weights, which the optimizer's update made so", ~guilty


def find(state: TrainState, objective: Objective, rows: Rows) -> Origin:
    """Returns what is not finite first in a loss and its gradient, done op by op."""
    origin, size = Origin(), rows.size
    # Augmentation is compiled by XLA, into which one cannot look.
    images, own = objective.seen(rows)
    origin.see("the images of the data set", rows.images, size)
    origin.see("what comes out of augmentation", images, size)
    after = dataclasses.replace(objective, augment=_Done(images, own))
    watched = dataclasses.replace(
        after,
        normalize=_watched(objective.normalize, "the scaling of pixels", origin, size),
    )
    with _watched_layers(objective.model, origin, size):
        gradients, sums = watched.gradients(rows, state.weights, 1.0)
    operation = _operation(lambda: after.gradients(rows, state.weights, 1.0))
    origin.see("the loss of logits that are finite", sums["loss"], size)
    variables = state.model.trainable_variables
    # As they are computed: that of the last layer first.
    for variable, gradient in list(zip(variables, gradients, strict=True))[::-1]:
        origin.see(f"the gradient by {variable.path}", gradient, size)
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
        The index of the first step after which something is not finite, or `until`.
    """
    evaluated = {row["step"]: row for row in history.rows}
    start = checkpoints.go_back()
    loop.feed.reset()
    for step in range(start, until):
        loop(step, 1)
        if not loop.is_finite():
            return step
        row = evaluated.get(step + 1)
        if row and state.learning_rate.observe(step + 1, row):
            checkpoints.rewind(REWOUND, history.ranked(monitor, step + 1))
    return until


def _part(loop: TrainLoop, step: int, batch: Split, mine: slice) -> Rows:
    """Returns some rows of the batch of a step, as one device has them."""
    index = step % loop.feed.per_epoch
    real = min(loop.feed.size - index * len(batch), len(batch))
    counted = np.arange(len(batch))[mine] < real
    start = tf.constant(mine.start, tf.int64)
    draws = Draws(loop.seed, tf.constant(step, tf.int64), start, len(counted))
    return Rows(
        tf.constant(batch.images[mine]),
        tf.constant(batch.labels[mine].astype(np.int32)),
        tf.constant(counted.astype(np.float32) / real),
        draws,
    )


@dataclasses.dataclass(frozen=True, eq=False)
class _Done:
    """Stands for augmentation that has been done already."""

    images: tf.Tensor
    own: tf.Tensor | None

    @property
    def mixes(self) -> bool:
        """Whether images have been mixed."""
        return self.own is not None

    def __call__(self, *args) -> tf.Tensor:
        return self.images

    def mix(self, *args) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the mixed images, and how much of each is its own."""
        return self.images, self.own


def _watched(
    function: Callable[..., object], name: str, origin: Origin, size: int
) -> Callable[..., object]:
    """Returns a function that also shows what goes in and what comes out."""

    def call(*args, **kwargs):
        origin.see(f"what goes into {name}", args, size)
        result = function(*args, **kwargs)
        origin.see(f"what comes out of {name}", result, size)
        return result

    return call


@contextlib.contextmanager
def _watched_layers(model: keras.Model, origin: Origin, size: int) -> Iterator[None]:
    """Shows what goes through each layer of a model."""
    layers = list(model._flatten_layers(include_self=False))
    for layer in layers:
        name = f"layer {layer.name} ({type(layer).__name__})"
        vars(layer)["call"] = _watched(layer.call, name, origin, size)
    try:
        yield
    finally:
        for layer in layers:
            vars(layer).pop("call", None)


def _operation(work: Callable[[], None]) -> str:
    """Returns the TensorFlow operation that first gives a number that is not finite."""
    tf.debugging.enable_check_numerics()
    try:
        work()
    except tf.errors.InvalidArgumentError as problem:
        found = re.search(r'op "(\w+)"', problem.message)
        return found[1] if found else ""
    finally:
        tf.debugging.disable_check_numerics()
    return ""


def _named(rows: np.ndarray) -> str:
    """Returns the indices of some examples, in words."""
    names = ", ".join(map(str, np.unique(rows)[:_MOST_NAMES]))
    return f"{names}, ..." if len(rows) > _MOST_NAMES else names
