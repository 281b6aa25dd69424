"""What a finished or stopped run in its folder gives a diagnosis to look at."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from framework import parts, spec, trust, workdir
from framework.config import Config
from framework.data.dataset import Dataset, Progress
from framework.diagnose.recorded import read
from framework.diagnose.run_program import RunProgram
from framework.diagnose.subject import Subject, sample
from framework.errors import UsageError
from framework.history import History, Row
from framework.loop.checkpoint import Checkpoints
from framework.parts import ModelFunction, Parts


def open_run(
    folder: str,
    model: ModelFunction | None = None,
    dataset: Dataset | None = None,
    progress: Progress = lambda done, total: None,
    trust_run: bool = False,
) -> Subject:
    """Returns what there is to look at in a run's folder, after its last checkpoint.

    Args:
        folder: The run's.
        model: What makes its model, where it was given in Python.
        dataset: Its data, where they were.
        progress: Told now and then how many of how many images have been read.
        trust_run: Whether modules and servers that the run names may be used although
            somebody else has trained it.

    Raises:
        UsageError: There is no run, or an untrusted one, or one whose model or data
            were given in Python and are not given here.
    """
    path, values = Path(folder), {"model": model, "dataset": dataset}
    config = workdir.read_config(path)
    for name, value in values.items():
        if getattr(config, name).startswith("given(") and value is None:
            raise UsageError(
                f"the {name} of the run in {folder} was given in Python; give it to "
                f"framework.diagnose.of_run.open_run as well, or use "
                f"framework.diagnose.explain"
            )
    given = [name for name, value in values.items() if value is not None]
    trust.load(path, config, trust_run, given)
    # Where it runs changes no numbers.
    config = dataclasses.replace(
        config, strategy="default", devices=0, jit=False, workdir=folder
    )
    made = parts.build(config, model, dataset, progress)
    Checkpoints(
        path / "checkpoints", path / "best", made.variables(), config.keep_checkpoints
    ).restore()
    return _of_parts(config, made, path, model)


def _of_parts(
    config: Config, made: Parts, folder: Path, model: ModelFunction | None
) -> Subject:
    rows = History(folder / "metrics.jsonl").rows
    found = [read(path) for path in sorted((folder / "predictions").glob("step-*.npz"))]
    if not rows or not found:
        raise UsageError(f"the run in {folder} has no evaluation to look at yet")
    examples, dataset = made.examples, made.examples.dataset
    train = sample(dataset.train, examples.train)
    validation = sample(dataset.validation, np.arange(len(dataset.validation)))
    return Subject(
        class_names=tuple(dataset.class_names),
        train=train,
        dev=sample(dataset.train, examples.dev),
        validation=validation,
        labels={
            "train": dataset.train.labels[examples.train],
            "validation": dataset.validation.labels,
        },
        fed=None,
        program=RunProgram(
            config, made, folder, rows[-1]["epoch"], model, train, validation
        ),
        rows=rows,
        predictions=found,
        settings=_settings(config, made, rows),
    )


def _settings(config: Config, made: Parts, rows: Sequence[Row]) -> dict[str, Any]:
    """Returns the flags, and by name what is in place against overfitting."""
    optimizer = spec.single(config.optimizer)
    rates = [row["learning_rate"] for row in rows if "learning_rate" in row]
    return {
        **config.numbers(),
        "highest_rate": max([config.learning_rate, *rates]),
        "optimizer": optimizer.name,
        "weight_decay": float(optimizer.kwargs.get("weight_decay", 0.0)),
        "train_images": len(made.examples.train),
        "steps_per_epoch": made.plan.steps_per_epoch,
        "epochs": float(rows[-1]["epoch"]),
    }
