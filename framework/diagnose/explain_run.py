"""Opens a run's folder for a diagnosis."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from framework.config import Config, spec
from framework.data import record as data_record
from framework.data.dataset import Dataset, Progress
from framework.diagnose import snapshot as snapshot_lib
from framework.diagnose.core.context import DiagnosisContext, sample
from framework.diagnose.core.settings import TrainingSettings
from framework.diagnose.programs.run_program import RunProgram
from framework.diagnose.snapshot import Snapshot
from framework.errors import UsageError
from framework.launch import components, trust
from framework.launch.components import Components, ModelFunction
from framework.loop import checkpoint_files
from framework.report.history import Row


def open_run(
    folder: str,
    model: ModelFunction | None = None,
    dataset: Dataset | None = None,
    progress: Progress = lambda done, total: None,
    *,
    snapshot: Snapshot | None = None,
    trials: Path | None = None,
    allow_data_change: bool = False,
    trust_run: bool = False,
) -> DiagnosisContext:
    """Returns the context of a run; changes nothing in its folder.

    Args:
        folder: The run's; the run may be under way.
        model: Builds its model, if it was given in Python.
        dataset: Its data, if they were given in Python.
        progress: Told now and then how many of how many images have been read.
        snapshot: The content of the folder, if it has been read already.
        trials: The folder of the trials; RUN/diagnosis/trials if None.
        allow_data_change: Whether the data may differ from those of the run.
        trust_run: Whether modules and servers that the run names may be used although
            somebody else has trained it.

    Raises:
        UsageError: There is no run, or one without weights or evaluations, or of other
            data, or one of somebody else that would have code executed, or one whose
            model or data were given in Python and are not given here.
    """
    snapshot = snapshot or snapshot_lib.read(Path(folder))
    config = snapshot.config
    values = {"model": model, "dataset": dataset}
    for name, value in values.items():
        if getattr(config, name).startswith("given(") and value is None:
            raise UsageError(
                f"the {name} of the run in {folder} was given in Python; give it to "
                f"framework.diagnose.explain_run.open_run as well, or use "
                f"framework.diagnose.explain"
            )
    given = [name for name, value in values.items() if value is not None]
    trust.load(Path(folder), config, trust_run, given)
    # Where it runs changes no numbers.
    config = dataclasses.replace(
        config,
        strategy="default",
        devices=0,
        jit=False,
        fresh=False,
        workdir=folder,
    )
    made = components.build(config, model, dataset, progress)
    if not allow_data_change:
        _check_data(made, config, Path(folder))
    checkpoint = snapshot.checkpoint
    checkpoint_files.assign(made.variables(), checkpoint.values, checkpoint.path)
    trials = trials or Path(folder) / "diagnosis" / "trials"
    return _of_parts(dataclasses.replace(snapshot, config=config), made, trials, model)


def _check_data(made: Components, config: Config, folder: Path) -> None:
    before = data_record.read(folder)
    if before:
        now = made.data_record(components.drawn_by(config))
        data_record.check(before, now, folder)


def _of_parts(
    snapshot: Snapshot, made: Components, trials: Path, model: ModelFunction | None
) -> DiagnosisContext:
    examples, dataset = made.examples, made.examples.dataset
    train = sample(dataset.train, examples.train)
    validation = sample(dataset.validation, np.arange(len(dataset.validation)))
    config, step = snapshot.config, snapshot.checkpoint.step
    return DiagnosisContext(
        class_names=tuple(dataset.class_names),
        train=train,
        dev=sample(dataset.train, examples.train_dev),
        validation=validation,
        labels={
            "train": dataset.train.labels[examples.train],
            "validation": dataset.validation.labels,
        },
        first_epoch_labels=None,
        program=RunProgram(config, made, trials, step, model, train, validation),
        rows=snapshot.rows,
        predictions=snapshot.predictions,
        settings=_settings(config, made, snapshot.rows),
        dataset=dataset,
    )


def _settings(
    config: Config, made: Components, rows: Sequence[Row]
) -> TrainingSettings:
    optimizer = spec.single(config.optimizer)
    rates = [row["learning_rate"] for row in rows if "learning_rate" in row]
    return TrainingSettings(
        batch_size=config.batch_size,
        train_images=len(made.examples.train),
        steps_per_epoch=made.plan.steps_per_epoch,
        epochs=float(rows[-1]["epoch"]),
        learning_rate=config.learning_rate,
        highest_rate=max([config.learning_rate, *rates]),
        optimizer=optimizer.name,
        weight_decay=float(optimizer.kwargs.get("weight_decay", 0.0)),
        augment=config.augment,
        early_stopping=config.early_stopping,
        config=config,
    )
