"""What a finished or stopped run in its folder gives a diagnosis to look at."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from framework import parts, random, spec, workdir
from framework.config import Config
from framework.data.dataset import Progress
from framework.diagnose.subject import Ask, Subject, sample
from framework.errors import UsageError
from framework.history import History
from framework.loop.checkpoint import Checkpoints
from framework.metrics import Predictions
from framework.parts import Parts

_BATCH = 256


def open_run(folder: str, progress: Progress = lambda done, total: None) -> Subject:
    """Returns what there is to look at in a run's folder, after its last checkpoint.

    Raises:
        UsageError: There is no run, or one whose model or data were given in Python.
    """
    config = workdir.read_config(Path(folder))
    for name in ("model", "dataset"):
        if getattr(config, name).startswith("given("):
            raise UsageError(
                f"the {name} of the run in {folder} was given in Python; train it with "
                f"--diagnose, or use framework.diagnose.explain"
            )
    # Where it runs changes no numbers.
    config = dataclasses.replace(config, strategy="default", devices=0, workdir=folder)
    made = parts.build(config, None, None, progress)
    Checkpoints(
        Path(folder) / "checkpoints",
        Path(folder) / "best",
        made.variables(),
        config.keep_checkpoints,
    ).restore()
    return of_parts(config, made, Path(folder))


def of_parts(config: Config, made: Parts, folder: Path) -> Subject:
    """Returns what there is to look at in a run whose parts are still there.

    Args:
        config: What defines the run.
        made: Its parts, in the state after the last step.
        folder: The run's folder.

    Raises:
        UsageError: Nothing has been evaluated yet.
    """
    rows = History(folder / "metrics.jsonl").rows
    found = [
        _read(path) for path in sorted((folder / "predictions").glob("step-*.npz"))
    ]
    if not rows or not found:
        raise UsageError(f"the run in {folder} has no evaluation to look at yet")
    examples, dataset = made.examples, made.examples.dataset
    everything = np.arange(len(dataset.validation))
    return Subject(
        class_names=tuple(dataset.class_names),
        train=sample(dataset.train, examples.train),
        dev=sample(dataset.train, examples.dev),
        validation=sample(dataset.validation, everything),
        ask=_asker(made, config.seed),
        inputs=lambda images: made.objective.normalize(images).numpy(),
        model=made.state.model,
        rows=rows,
        predictions=found,
        settings=_settings(config),
    )


def _asker(made: Parts, seed: int) -> Ask:
    """Returns what asks a run's model, with the weights that were evaluated."""

    @tf.function(autograph=False)
    def logits(images: tf.Tensor, training: bool) -> tf.Tensor:
        zero = tf.constant(0, tf.int64)
        with random.use(random.Draws(seed, zero, zero, images.shape[0])):
            found = made.state.model(
                made.objective.normalize(images), training=training
            )
        return tf.cast(found, tf.float32)

    def ask(images: np.ndarray, training: bool) -> np.ndarray:
        # Statistics of batch norm are those of the run, and stay so.
        variables = [each.value for each in made.state.model.non_trainable_variables]
        before = [variable.numpy() for variable in variables]
        made.state.swap_ema()
        found = []
        for start in range(0, len(images), _BATCH):
            batch = images[start : start + _BATCH]
            # Of one size, so that it is traced once.
            padded = np.resize(batch, (_BATCH, *batch.shape[1:]))
            found.append(logits(tf.constant(padded), training)[: len(batch)].numpy())
        made.state.swap_ema()
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)
        shape = (0, len(made.examples.dataset.class_names))
        return np.concatenate([np.zeros(shape, np.float32), *found])

    return ask


def _read(path: Path) -> Predictions:
    with np.load(path, allow_pickle=False) as values:
        wrong = (values["predicted"] != values["labels"]).astype(np.int32)
        return Predictions(
            values["labels"],
            values["predicted"],
            wrong,
            values["confidence"],
            values["losses"],
        )


def _settings(config: Config) -> dict[str, Any]:
    """Returns the flags, and by name what is in place against overfitting."""
    optimizer = spec.single(config.optimizer)
    model = spec.single(config.model)
    return {
        **config.numbers(),
        "dropout": float(model.kwargs.get("dropout", 0.0)),
        "weight_decay": float(optimizer.kwargs.get("weight_decay", 0.0)),
    }
