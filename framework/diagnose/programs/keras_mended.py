"""A Keras program with an accepted remedy, to be measured like the program itself."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping

import numpy as np

from framework.data.split import Split
from framework.diagnose.core.context import DiagnosisContext
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import NotApplicableError
from framework.diagnose.core.program import TrialResult
from framework.diagnose.core.settings import TrainingSettings
from framework.diagnose.programs import compiled_edits, keras_loop
from framework.diagnose.programs.keras_batches import Examples
from framework.diagnose.programs.keras_data import Source
from framework.diagnose.programs.keras_program import KerasProgram
from framework.diagnose.programs.metric_names import named
from framework.diagnose.programs.trial_data import Scale, batch_size, make_scale
from framework.diagnose.programs.variables import assign
from framework.numerics import outputs


@contextlib.contextmanager
def mended(
    program: KerasProgram,
    source: Source,
    context: DiagnosisContext,
    intervention: Intervention,
    result: TrialResult,
) -> Iterator[DiagnosisContext]:
    """Gives the model a remedy and the weights of its trial; undoes both on leaving.

    Args:
        program: The model as it was trained.
        source: Its training data.
        context: Of it.
        intervention: The remedy.
        result: Of the trial.

    Yields:
        The context of the program with the remedy: its images are scaled as it scales
        them, and its curve is the end of the trial.

    Raises:
        NotApplicableError: The state of the trial was not kept; the data differ in each
            pass; or the remedy makes another model, which takes long to measure.
    """
    if result.state is None or source.differs or intervention.width_factor != 1.0:
        raise NotApplicableError("the program with this remedy cannot be measured anew")
    scale = make_scale(source.arrays[0], intervention)
    train = _scaled(intervention.train or context.train, scale)
    validation = _scaled(context.validation, scale)
    changed = _source(source, intervention, scale)
    with (
        program.state.at(at_initialization=True),
        compiled_edits.changed(program.model, intervention) as (model, optimizer),
    ):
        # The trial's own, if it is kept: tracing and compiling take seconds.
        loop, optimizer = program.trainer.loop(model, optimizer, intervention)
        model.optimizer = optimizer
        other = KerasProgram(model, changed, loop)
        other.train_images = train.images
        other.validation_images = validation.images
        variables = [*model.variables, *optimizer.variables]
        if [tuple(each.shape) for each in variables] != [
            each.shape for each in result.state
        ]:
            raise NotApplicableError("the trial has trained another model")
        assign(variables, result.state)
        settings = _settings(context.settings, changed, intervention, result)
        known = _known(result, intervention)
        row = {
            "step": round(settings.epochs * settings.steps_per_epoch),
            "epoch": settings.epochs,
            "learning_rate": float(optimizer.learning_rate),
            **named("train", _trained(other, changed, train, known)),
        }
        predictions = keras_loop.predictions_of(known["validation"], validation.labels)
        yield dataclasses.replace(
            context,
            train=train,
            dev=_scaled(context.dev, scale),
            validation=validation,
            program=other,
            rows=[row],
            predictions=[predictions],
            settings=settings,
            known_outputs=known,
            mended=None,
        )


def _known(result: TrialResult, intervention: Intervention) -> Mapping[str, np.ndarray]:
    """Returns the outputs at the end of a trial for the images of its context."""
    if intervention.train is None:
        return result.outputs
    # It has predicted the training images of the program.
    return {"validation": result.outputs["validation"]}


def _trained(
    program: KerasProgram,
    source: Source,
    train: Split,
    known: Mapping[str, np.ndarray],
) -> dict[str, float]:
    """Returns loss and accuracy on the training images, by known outputs if possible.

    Args:
        program: To be evaluated.
        source: Its training data.
        train: The same, or a sample of them.
        known: Its outputs.
    """
    if "train" in known and source.weights is None:
        with contextlib.suppress(NotApplicableError):
            loss = program.loss(train.labels, known["train"])
            correct = outputs.predicted(known["train"]) == train.labels
            return {
                "loss": loss + program.penalty(at_initialization=False),
                "accuracy": float(np.mean(correct)),
            }
    return program.loop.test(*source.fed, source.batch_size)


def _scaled(split: Split, scale: Scale) -> Split:
    return dataclasses.replace(split, images=scale(split.images))


def _source(source: Source, intervention: Intervention, scale: Scale) -> Source:
    """Returns the training data as a trial feeds them."""
    x, y = source.arrays
    if intervention.train is not None:
        x, y = intervention.train.images, source.like(intervention.train.labels)
    weights = None if intervention.unweighted else source.weights_of(x, y)
    changed = source.with_examples(Examples(scale(x), y, weights))
    changed.shuffle = source.shuffle or intervention.shuffle
    changed.batch_size = batch_size(source.batch_size, intervention)
    return changed


def _settings(
    settings: TrainingSettings,
    source: Source,
    intervention: Intervention,
    result: TrialResult,
) -> TrainingSettings:
    """Returns the settings of a trial."""
    factor = intervention.learning_rate_factor
    constant = intervention.constant_learning_rate
    decay, augment = intervention.weight_decay, intervention.augment
    return dataclasses.replace(
        settings,
        batch_size=source.batch_size,
        train_images=len(source.arrays[0]),
        steps_per_epoch=source.steps_per_epoch,
        epochs=result.epochs,
        learning_rate=factor * (constant or settings.learning_rate),
        highest_rate=abs(factor) * (constant or settings.highest_rate),
        diverged_in=0,
        weight_decay=settings.weight_decay if decay is None else decay,
        augment=settings.augment if augment is None else augment,
    )
