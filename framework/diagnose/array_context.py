"""The context of a program whose data were given as arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from framework.data.split import Split
from framework.diagnose.core.context import DiagnosisContext, sample, sampled
from framework.diagnose.core.settings import TrainingSettings
from framework.diagnose.programs.keras_batches import Examples
from framework.diagnose.programs.keras_program import KerasProgram
from framework.diagnose.programs.loop_program import LoopProgram
from framework.numerics import labels as labels_lib
from framework.numerics.metrics import Predictions
from framework.report.history import Row


def array_context(
    program: KerasProgram | LoopProgram,
    train: Examples,
    validation: Examples,
    rows: Sequence[Row],
    predictions: Sequence[Predictions],
    settings: TrainingSettings,
    outputs: int = 0,
    is_ordered: bool = False,
) -> DiagnosisContext:
    """Returns the context, and sets the images that trials predict at their end.

    Args:
        program: After its training.
        train: The training examples.
        validation: The validation examples.
        rows: The reported metrics of each evaluation.
        predictions: The predictions of the validation images, by evaluation.
        settings: How it was trained.
        outputs: How many the model has, if each stands for a class; else 0.
        is_ordered: Whether each epoch feeds the examples in their order.
    """
    splits = {"train": train, "validation": validation}
    labels = {name: labels_lib.classes(each.y) for name, each in splits.items()}
    highest = max(int(each.max(initial=0)) for each in labels.values())
    num_classes = max(highest + 1, outputs, 2)
    samples = {
        name: sample(
            Split(each.x, np.clip(labels[name], 0, None).astype(np.int32)),
            np.arange(len(each.x)),
        )
        for name, each in splits.items()
    }
    program.train_images = samples["train"].images
    program.validation_images = samples["validation"].images
    return DiagnosisContext(
        class_names=tuple(map(str, range(num_classes))),
        train=samples["train"],
        dev=samples["train"].take(np.arange(0)),
        validation=samples["validation"],
        labels={name: each.y for name, each in splits.items()},
        first_epoch_labels=labels["train"] if is_ordered else None,
        program=program,
        rows=rows,
        predictions=predictions,
        settings=settings,
        weights={
            name: each.weights
            for name, each in splits.items()
            if each.weights is not None
        },
        train_rows=sampled(np.arange(len(train.x))),
    )
