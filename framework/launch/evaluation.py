"""Evaluates the weights of a run on one of its splits; opens the test part."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from framework.config import Config
from framework.data import examples as examples_lib
from framework.data import fingerprint
from framework.data.batches import Batches
from framework.data.dataset import Dataset
from framework.data.stream import NOTE
from framework.errors import UsageError
from framework.launch import openings, run_folder
from framework.launch import weights as weights_lib
from framework.launch.components import Components
from framework.launch.openings import Opening
from framework.launch.rebuild import rebuild
from framework.loop import checkpoint_files
from framework.loop.evaluate import computed
from framework.models import ModelFunction
from framework.numerics import intervals
from framework.numerics.intervals import Estimate
from framework.numerics.metrics import summarize

SPLITS = ("test", "validation", "train")


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """The metrics of a run on a split, in evaluation mode.

    Attributes:
        split: "test", "validation" or "train" (the images that are trained on).
        images: The number of images.
        weights: Which weights: "best" by the run's `--monitor`, or "last".
        step: The number of optimizer steps of these weights.
        accuracy: With its 95 % interval (Wilson), which covers the choice of the
            images, not that of the seed. Where images may have several labels, the
            fraction of images of which all are right.
        balanced_accuracy: Mean recall of the classes that occur.
        loss: Mean cross-entropy in nats.
        openings_before: How often the test part was opened before; 0 for other splits.
        metrics: The further metrics of the run's `--metrics`, by name; the weighted
            ones, if the images have weights; and all of several labels.
        is_inexact: Whether the run was trained on a stream, whose order may differ.
    """

    split: str
    images: int
    weights: str
    step: int
    accuracy: Estimate
    balanced_accuracy: float
    loss: float
    openings_before: int = 0
    metrics: Mapping[str, float] = dataclasses.field(default_factory=dict)
    is_inexact: bool = False

    def __str__(self) -> str:
        accuracy = self.accuracy
        width = max(map(len, (*self.metrics, "balanced accuracy")))
        further = [
            f"\n{name:{width}}  {value:.4f}" for name, value in self.metrics.items()
        ]
        if self.is_inexact:
            further.append(f"\n{NOTE}")
        return (
            f"{self.split}: {self.images:,} images, {self.weights} weights (step "
            f"{self.step:,})\n"
            f"accuracy           {accuracy.value:.4f} (95 % interval "
            f"{accuracy.low:.4f} to {accuracy.high:.4f})\n"
            f"balanced accuracy  {self.balanced_accuracy:.4f}\n"
            f"loss               {self.loss:.4f}"
        ) + "".join(further)

    def as_json(self) -> dict[str, Any]:
        """Returns the same as JSON values; a number that is not finite is None."""
        fields = dataclasses.asdict(self)
        for name in ("balanced_accuracy", "loss"):
            if not math.isfinite(fields[name]):
                fields[name] = None
        fields["metrics"] = {
            name: value if math.isfinite(value) else None
            for name, value in self.metrics.items()
        }
        return fields


def evaluate(
    folder: str,
    split: str = "validation",
    weights: str = "best",
    model: ModelFunction | None = None,
    dataset: Dataset | None = None,
    *,
    command: str = "evaluate",
    allow_data_change: bool = False,
    trust_run: bool = False,
) -> Evaluation:
    """Evaluates a run; an opening of its test part is recorded in its folder.

    Nothing else is written. The run may still be training.

    Args:
        folder: The folder of the run.
        split: One of `SPLITS`.
        weights: One of `framework.launch.weights.WEIGHTS`.
        model: The function that builds its model, if it was given in Python.
        dataset: Its data set, if it was given in Python.
        command: What evaluates, for the record of an opening.
        allow_data_change: Whether the data may differ from those of the run.
        trust_run: See `framework.launch.trust`.

    Raises:
        UsageError: There is no run, or none with such weights; it has no test part; or
            see `rebuild`.
        RunError: Weights or images are damaged, or an opening cannot be recorded.
    """
    if split not in SPLITS:
        raise UsageError(f"{split!r} is not one of {', '.join(SPLITS)}")
    run = Path(folder)
    config = run_folder.read_config(run)
    checkpoint = weights_lib.read(run, config, weights)
    config, built = rebuild(
        run,
        config,
        model,
        dataset,
        allow_data_change=allow_data_change,
        trust_run=trust_run,
    )
    checkpoint_files.assign(built.variables(), checkpoint.values, checkpoint.path)
    if split != "test":
        return _measured(built, config, split, weights, checkpoint.step)
    dataset = built.examples.dataset
    if dataset.test is None:
        raise UsageError(
            f"the run in {folder} has no test part; train with --test=10% in another "
            f"--workdir (or with data that have one, such as a folder 'test'), or "
            f"evaluate --split=validation"
        )
    before = openings.prepare(run)
    dataset.check_test()
    result = _measured(built, config, split, weights, checkpoint.step)
    described = fingerprint.describe(dataset.test, dataset.num_classes)
    opening = Opening(
        command=command,
        step=checkpoint.step,
        weights=weights,
        accuracy=result.accuracy.value,
        images=result.images,
        digest=described["digest"],
    )
    openings.record(run, opening)
    return dataclasses.replace(result, openings_before=before)


def _measured(
    built: Components, config: Config, name: str, weights: str, step: int
) -> Evaluation:
    """Evaluates the model on a split."""
    examples = built.examples
    batches, rows = _batches(built, config, name)
    try:
        predictions = built.evaluator(batches)(rows.astype(np.int32))
    except tf.errors.OpError:
        # TensorFlow's error does not name an image file that cannot be read.
        batches.split.check()
        raise
    metrics = summarize(predictions, examples.dataset.class_names)
    correct = int(predictions.is_correct.sum())
    further = computed(predictions, built.metrics)
    further |= {
        name: value
        for name, value in metrics.items()
        if predictions.has_several_labels or name.startswith("weighted_")
    }
    return Evaluation(
        split=name,
        images=len(rows),
        weights=weights,
        step=step,
        accuracy=intervals.proportion(correct, len(rows)),
        balanced_accuracy=metrics.get("balanced_accuracy", math.nan),
        loss=metrics["loss"],
        metrics=further,
        is_inexact=examples.dataset.stream is not None,
    )


def _batches(
    built: Components, config: Config, name: str
) -> tuple[Batches, np.ndarray]:
    """Returns batches that have a split, and its rows in them."""
    examples = built.examples
    if name == "train":
        return examples.train_batches, examples.train
    if name == "validation":
        return examples.validation_batches, np.arange(len(examples.dataset.validation))
    test = examples.dataset.test
    assert test is not None, "the caller has checked that there is a test part"
    # The servers of --input=service have the other splits only.
    mode = "stream" if config.input == "service" else config.input
    batches = examples_lib.batches(test, mode, built.strategy, lambda *_: None)
    return batches, np.arange(len(test))
