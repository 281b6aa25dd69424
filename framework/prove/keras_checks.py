"""Manipulation checks of a Keras program: what a change does to it, in one batch.

A Keras program records nothing, so the program is changed once more, for one batch, in
the way in which the arms were. Each field of an intervention that can be measured so
has a check in `_CHECKS`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping

import keras
import numpy as np
import tensorflow as tf

from framework.data.split import Split
from framework.diagnose.core.context import DiagnosisContext
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import NotApplicableError
from framework.diagnose.programs import compiled_edits, keras_optimizers
from framework.diagnose.programs.keras_program import KerasProgram
from framework.diagnose.programs.model_layers import leaves
from framework.diagnose.programs.variables import restoring
from framework.prove import manipulation
from framework.prove.inputs import Images
from framework.prove.keras_plan import Training
from framework.prove.manipulation import Check, directed

# Of the batch on which a changed model is measured: dropout is random.
_EXAMPLES = 256
# Relative difference of losses that are computed in other ways in float32.
_SAME = 1e-4
_UNMEASURED = "nothing that a Keras program reports measures it"


@dataclasses.dataclass(frozen=True, eq=False)
class Changed:
    """A Keras program and how it is trained with a remedy.

    Attributes:
        context: Of the diagnosis.
        program: The program, as it is.
        training: With the remedy.
    """

    context: DiagnosisContext
    program: KerasProgram
    training: Training

    @property
    def change(self) -> Intervention:
        """What is different."""
        return self.training.intervention

    def batch(self) -> Split:
        """Returns the first training examples, as many as a batch has."""
        train = self.context.train
        return train.take(np.arange(min(self.context.settings.batch_size, len(train))))

    def measured(
        self, name: str, measure: Callable[[keras.Model], float]
    ) -> tuple[float, float]:
        """Measures the model with one field of the change, and without.

        Args:
            name: Of the field.
            measure: Returns a number of a model, whose optimizer is the changed one.

        Raises:
            NotApplicableError: The model has nothing to change so, or cannot be called.
        """
        values = []
        for alone in ({name: getattr(self.change, name)}, {}):
            model = self.program.model
            with (
                restoring(model.variables),
                compiled_edits.changed(model, Intervention(**alone)) as (
                    other,
                    optimizer,
                ),
            ):
                own, other.optimizer = other.optimizer, optimizer
                try:
                    values.append(measure(other))
                except (ValueError, TypeError, tf.errors.OpError) as problem:
                    line = str(problem).partition("\n")[0]
                    raise NotApplicableError(line) from problem
                finally:
                    other.optimizer = own
        return values[0], values[1]


def check(
    context: DiagnosisContext, program: KerasProgram, training: Training
) -> tuple[Check, ...]:
    """Checks what a remedy changes in the first step and in the examples.

    Args:
        context: Of the diagnosis.
        program: That was diagnosed; it is left as it was.
        training: With the remedy.
    """
    changed = Changed(context, program, training)
    checks = []
    for name in training.intervention.differences():
        measure = _CHECKS.get(name)
        if measure is None:
            checks.append(Check(name, None, "", None, _UNMEASURED))
            continue
        try:
            checks += measure(changed)
        except NotApplicableError as problem:
            checks.append(Check(name, None, "", None, str(problem)))
    return tuple(checks)


def _rate(changed: Changed) -> list[Check]:
    """Compares the length of the first step."""
    factor, batch = changed.change.learning_rate_factor, changed.batch()
    if changed.change.constant_learning_rate:
        raise NotApplicableError("the rate is set, not multiplied")
    norms = [changed.program.update_norm(batch, each) for each in (factor, 1.0)]
    ratio = norms[0] / norms[1] if norms[1] else None
    return [manipulation.of_ratio(factor, ratio, "")]


def _augmentation(changed: Changed) -> list[Check]:
    """Compares pixels before and after the augmentation."""
    context, text = changed.context, changed.change.augment
    if not text or context.train.images.ndim != 4:
        raise NotApplicableError("it is inside the model, or no change of images")
    return manipulation.of_pixels(Images(context.train, context.validation), "", text)


def _left_out(changed: Changed) -> list[Check]:
    """Counts the training images that a remedy does not train on."""
    train = changed.change.train
    assert train is not None, "it is among the differences"
    count = len(changed.program.training_data()[0]) - len(train)
    what = "training images left out"
    return [Check(what, count, "more than 0", count > 0)]


def _dropout(changed: Changed) -> list[Check]:
    """Compares how far outputs in training are from those in evaluation."""
    images = tf.constant(changed.program.training_data()[0][:_EXAMPLES])

    def noise(model: keras.Model) -> float:
        apart = model(images, training=True) - model(images, training=False)
        return float(tf.sqrt(tf.reduce_mean(tf.square(tf.cast(apart, tf.float32)))))

    after, before = changed.measured("dropout", noise)
    rates = [
        float(layer.rate)
        for layer in leaves(changed.program.model)
        if "ropout" in type(layer).__name__ and hasattr(layer, "rate")
    ]
    present = float(np.mean(rates)) if rates else 0.0
    sign = int(np.sign((changed.change.dropout or 0.0) - present))
    what = "root mean square distance of outputs in training and evaluation"
    return [directed(what, after, before, sign)]


def _weight_decay(changed: Changed) -> list[Check]:
    """Compares what pulls the weights to 0: penalties, and decay by the optimizer."""

    def pull(model: keras.Model) -> float:
        optimizer = keras_optimizers.inner(model.optimizer)
        decay = float(getattr(optimizer, "weight_decay", None) or 0.0)
        squares = sum(float(np.sum(each.numpy() ** 2)) for each in model.weights)
        return float(sum(float(loss) for loss in model.losses)) + decay / 2 * squares

    after, before = changed.measured("weight_decay", pull)
    sign = 0 if changed.change.weight_decay and before else 1
    sign = sign if changed.change.weight_decay else -1
    what = "penalties of the weights, with half of the decay of their squares"
    return [directed(what, after, before, sign)]


def _clipped(changed: Changed) -> list[Check]:
    """Compares the norm of the gradient with the largest one, first and last."""
    norms = []
    for is_first in (True, False):
        gradients = changed.program.gradients(changed.batch(), is_first)
        squares = [np.sum(each**2) for each in gradients.values() if each is not None]
        norms.append(float(np.sqrt(sum(squares))))
    what, largest = "norm of the gradient, first or last", max(norms)
    expected = f"above {changed.change.clip_norm:.3g}"
    if largest > changed.change.clip_norm:
        return [Check(what, largest, expected, True)]
    reason = f"it is {largest:.3g} in both; steps between may be clipped"
    return [Check(what, None, expected, None, reason)]


def _batch_size(changed: Changed) -> list[Check]:
    """Compares the examples of a step: those of all epochs by their steps."""
    settings, training = changed.context.settings, changed.training
    own = settings.steps_per_epoch * training.epochs
    factor = changed.change.batch_size_factor
    what = "ratio of images per step"
    return [manipulation.of_ratio(factor, own / training.steps, "", what)]


def _loss(changed: Changed) -> list[Check]:
    """Compares the loss of the first examples."""
    x, y = (tf.constant(each[:_EXAMPLES]) for each in changed.program.training_data())

    def loss(model: keras.Model) -> float:
        outputs = model(x, training=False)
        return float(model.compute_loss(x=x, y=y, y_pred=outputs))

    after, before = changed.measured("consistent_loss", loss)
    # The same loss by another way of computing it is no change.
    after = before if math.isclose(after, before, rel_tol=_SAME) else after
    return [directed("loss of the first examples", after, before, 0)]


def _width(changed: Changed) -> list[Check]:
    after, before = changed.measured(
        "width_factor", lambda model: float(model.count_params())
    )
    sign = 1 if changed.change.width_factor > 1 else -1
    return [directed("parameters", after, before, sign)]


def _longer(changed: Changed) -> list[Check]:
    settings, training = changed.context.settings, changed.training
    own = settings.steps_per_epoch * settings.epochs
    own /= changed.change.batch_size_factor
    return [directed("ratio of steps", training.steps / own, 1.0, 1)]


_CHECKS: Mapping[str, Callable[[Changed], list[Check]]] = {
    "learning_rate_factor": _rate,
    "augment": _augmentation,
    "train": _left_out,
    "dropout": _dropout,
    "weight_decay": _weight_decay,
    "clip_norm": _clipped,
    "batch_size_factor": _batch_size,
    "consistent_loss": _loss,
    "width_factor": _width,
    "train_for_factor": _longer,
}
