"""Opens the folder of a run, to start it or to resume it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import tensorflow as tf

from framework.config import Config
from framework.data import record as data_record
from framework.data.record import DataRecord
from framework.distributed import determinism
from framework.launch import checks, environment, resume, run_folder, sources, trust
from framework.launch.components import Components
from framework.launch.resume import Resumption
from framework.loop.checkpoint import Checkpoints
from framework.report.history import History


def open_folder(
    config: Config,
    built: Components,
    folder: Path,
    is_chief: bool,
    is_part: bool = False,
) -> tuple[History, Checkpoints, Resumption]:
    """Opens the history and the checkpoints, after checking that the run may resume.

    Args:
        config: The configuration.
        built: The components.
        folder: The run's folder, which no other process uses.
        is_chief: Whether this process is worker 0, which alone checks and writes.
        is_part: Whether the run is a part of another, such as a trial of its diagnosis.

    Raises:
        UsageError: The config or the data are not those of the run in the folder, or
            the model of a new run returns probabilities.
        RunError: A file of the run is damaged.
    """
    history = History(folder / "metrics.jsonl")
    checkpoints = Checkpoints(
        folder / "checkpoints",
        folder / "best",
        built.variables(),
        config.keep_checkpoints,
        config.keep_best,
    )
    latest = checkpoints.check()
    step = latest.step if latest else None
    if not is_chief:
        # If the chief refuses to resume, the other workers end as well.
        return history, checkpoints, Resumption(step)
    if latest:
        history.check_against(latest.values)
    resumption = resume.check(folder, config, built.plan, history, step)
    data = built.data_record(config)
    resumption = resume.check_data(folder, config, data, resumption)
    if resumption.step and not resumption.is_over:
        changes = environment.changes(folder, determinism.threads())
        resumption = dataclasses.replace(resumption, rounding=changes)
    if resumption.step is None and not is_part:
        # Runs of earlier versions may have such a model: these resume, and their
        # diagnosis trains it.
        shape = built.examples.dataset.image_shape
        checks.check_outputs(built.state.model, shape)
    if not resumption.is_over:
        _write_record(folder, config, data, resumption)
        initial = built.initial
        sources.write(folder, initial.files, initial.values, initial.match)
    return history, checkpoints, resumption


def _write_record(
    folder: Path, config: Config, data: DataRecord, resumption: Resumption
) -> None:
    """Writes the files that define the run, once it is certain that it will train."""
    resume.record(folder, resumption)
    # First, since a folder without it would be taken for somebody else's if this
    # process were killed now.
    run_folder.write_config(folder, config)
    data_record.write(folder, data)
    devices = [device.name for device in tf.config.list_logical_devices()]
    environment.write(folder, devices, determinism.threads())
    trust.remember(folder, config)
