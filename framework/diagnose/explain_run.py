"""Opens a run's folder for a diagnosis."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from framework.config import Config, spec
from framework.data.dataset import Dataset
from framework.data.images import Progress
from framework.diagnose import snapshot as snapshot_lib
from framework.diagnose.core.context import DiagnosisContext, sample, sampled
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import NotApplicableError
from framework.diagnose.core.program import TrialResult
from framework.diagnose.core.settings import TrainingSettings
from framework.diagnose.programs.keras_loop import predictions_of
from framework.diagnose.programs.run_program import RunProgram
from framework.diagnose.programs.run_training import RunTrainer
from framework.diagnose.snapshot import Snapshot
from framework.launch import checks
from framework.launch.components import Components
from framework.launch.rebuild import rebuild
from framework.loop import checkpoint_files
from framework.models import ModelFunction
from framework.report.files import read_timing, total_seconds
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
        folder: The folder of a run, which may still be training.
        model: The function that builds its model, if it was given in Python.
        dataset: Its data set, if it was given in Python.
        progress: Called with the numbers of images loaded and to load.
        snapshot: The state of the folder, if it has been read already.
        trials: The folder of the trials; RUN/diagnosis/trials if None.
        allow_data_change: Whether the data may differ from those of the run.
        trust_run: Whether modules and servers that the run names may be used although
            somebody else has trained it.

    Raises:
        UsageError: There is no run; it has no weights or evaluations; its data have
            changed; it is not trusted; or its model or data were given in Python and
            are not given here.
    """
    snapshot = snapshot or snapshot_lib.read(Path(folder))
    config, built = rebuild(
        Path(folder),
        snapshot.config,
        model,
        dataset,
        progress,
        allow_data_change=allow_data_change,
        trust_run=trust_run,
    )
    checks.refuse_stream(built.examples.dataset, "a diagnosis")
    checkpoint = snapshot.checkpoint
    if checkpoint.values:
        checkpoint_files.assign(built.variables(), checkpoint.values, checkpoint.path)
    trials = trials or Path(folder) / "diagnosis" / "trials"
    context = _context(
        dataclasses.replace(snapshot, config=config), built, trials, model
    )
    assert isinstance(context.program, RunProgram)
    mended = functools.partial(_mended, context, context.program, trials)
    return dataclasses.replace(context, mended=mended)


@contextlib.contextmanager
def _mended(
    context: DiagnosisContext,
    program: RunProgram,
    trials: Path,
    intervention: Intervention,
    result: TrialResult,
) -> Iterator[DiagnosisContext]:
    """Opens a trial, which is an ordinary run.

    Raises:
        NotApplicableError: Its model or its images are not those of its config.
    """
    config = context.settings.config
    assert config is not None
    if intervention.beyond_flags(config) or intervention.exclude:
        raise NotApplicableError("a flag cannot express the remedy of this trial")
    trainer = program.trainer
    trial = open_run(
        str(trials / result.name), trainer.function, trainer.dataset(intervention)
    )
    settings = dataclasses.replace(trial.settings, config=intervention.apply(config))
    yield dataclasses.replace(trial, settings=settings, mended=None)


def _context(
    snapshot: Snapshot, built: Components, trials: Path, model: ModelFunction | None
) -> DiagnosisContext:
    examples, dataset = built.examples, built.examples.dataset
    train = sample(dataset.train, examples.train)
    validation = sample(dataset.validation, np.arange(len(dataset.validation)))
    config, step = snapshot.config, snapshot.checkpoint.step
    trainer = RunTrainer(config, built, trials, step, model, train, validation)
    program = RunProgram(config, built, step, model, trainer)
    rows, predictions = snapshot.rows, snapshot.predictions
    if not rows:
        rows = [_planned(config, built)]
        outputs = program.predict(validation.images)
        predictions = [predictions_of(outputs, validation.labels)]
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
        program=program,
        rows=rows,
        predictions=predictions,
        settings=_settings(config, built, rows, snapshot.diverged_in),
        # The diagnosis must not see the test part.
        dataset=dataclasses.replace(dataset, test=None),
        train_rows=sampled(examples.train),
        dev_rows=sampled(examples.train_dev),
    )


def _planned(config: Config, built: Components) -> Row:
    """Returns the metrics of a run that has died before its first evaluation.

    It is judged by what it was to be: as long as planned, by its initial weights.
    """
    total = built.plan.total_steps
    return {
        "step": total,
        "epoch": total / built.plan.steps_per_epoch,
        "learning_rate": config.learning_rate,
    }


def _settings(
    config: Config, built: Components, rows: Sequence[Row], diverged_in: int
) -> TrainingSettings:
    optimizer = spec.single(config.optimizer)
    rates = [row["learning_rate"] for row in rows if "learning_rate" in row]
    return TrainingSettings(
        batch_size=config.batch_size,
        train_images=len(built.examples.train),
        steps_per_epoch=built.plan.steps_per_epoch,
        epochs=float(rows[-1]["epoch"]),
        learning_rate=config.learning_rate,
        highest_rate=max([config.learning_rate, *rates]),
        optimizer=optimizer.name,
        weight_decay=float(optimizer.kwargs.get("weight_decay", 0.0)),
        augment=config.augment,
        early_stopping=config.early_stopping,
        diverged_in=diverged_in,
        seconds=total_seconds(read_timing(Path(config.workdir) / "timing.jsonl")),
        config=config,
    )
