"""Trains a Keras model with an intervention."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import keras
import numpy as np

from framework.diagnose.core.budget import Allowance
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import NotApplicableError
from framework.diagnose.core.program import TrialResult
from framework.diagnose.programs.compiled_edits import changed
from framework.diagnose.programs.keras_data import Source
from framework.diagnose.programs.keras_epochs import steps_of, training_epochs
from framework.diagnose.programs.keras_loop import KerasLoop
from framework.diagnose.programs.keras_optimizers import (
    copy_moments,
    inner,
    rate_variable,
)
from framework.diagnose.programs.trial_data import make_scale
from framework.diagnose.programs.variables import assign, values
from framework.numerics import labels as labels_lib
from framework.numerics import outputs

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
            allowance: Checks the progress.

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
            loop, optimizer = self.loop(other, optimizer, intervention)
            other.optimizer = optimizer
            scale = make_scale(source.arrays[0], intervention)
            allowance = allowance or Allowance()

            def predict(images: np.ndarray) -> np.ndarray:
                return loop.predict(scale(images))

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
                    passes, lambda: outputs.predicted(predict(images[0]))
                ):
                    break
            ends = dict(zip(("validation", "train"), map(predict, images), strict=True))
            state = tuple(values([*other.variables, *optimizer.variables]))
        was_stopped = done < total
        return TrialResult(
            outputs.predicted(ends["validation"]),
            outputs.predicted(ends["train"]),
            float(passes) if was_stopped else epochs,
            was_stopped=was_stopped,
            outputs=ends,
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

    def loop(
        self,
        other: keras.Model,
        optimizer: keras.optimizers.Optimizer,
        intervention: Intervention,
    ) -> tuple[KerasLoop, keras.optimizers.Optimizer]:
        """Returns a loop, traced already if there is one, and its optimizer.

        Args:
            other: The model with the intervention; see `compiled_edits.changed`.
            optimizer: Its optimizer, whose values the returned one is given.
            intervention: What is different.
        """
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
        assign(known.variables, optimizer.variables)
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
