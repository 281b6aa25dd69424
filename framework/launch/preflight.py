"""Checks a run before any image is read, and chooses its folder; writes nothing."""

from __future__ import annotations

import dataclasses

import keras

from framework.config import Config
from framework.data import given as given_data
from framework.data.dataset import Dataset
from framework.data.given import Arrays
from framework.launch import checks, hooks, resume, run_names
from framework.launch.given import Given
from framework.launch.run_names import Choice
from framework.models import ModelFunction


@dataclasses.dataclass(frozen=True, eq=False)
class Request:
    """A run that may start or resume, as far as is known without its images.

    Attributes:
        config: The configuration, with the folder in `workdir`.
        given: The model and the data set that were given in Python.
        choice: The folder, and why it was chosen.
    """

    config: Config
    given: Given
    choice: Choice


def check(
    config: Config,
    model: ModelFunction | keras.Model | None = None,
    dataset: Dataset | Arrays | None = None,
) -> Request:
    """Checks what can be checked before images are read, which may take minutes.

    >>> import numpy as np
    >>> x, y = np.zeros((4, 8, 8, 3), np.uint8), np.array([0, 1, 0, 1])
    >>> request = check(Config(workdir="runs/a"), dataset=(x, y, x, y))
    >>> request.config.workdir, request.given.names
    ('runs/a', ['dataset'])

    Args:
        config: The configuration. Without a `workdir`, the folder is chosen; see
            `framework.launch.run_names`.
        model: See `framework.launch.run.run`.
        dataset: See `framework.launch.run.run`.

    Raises:
        UsageError: The config is wrong, or does not fit the run in its folder.
        RunError: The given data are bad.
    """
    data = None if dataset is None else given_data.as_dataset(dataset)
    given = Given(model, data)
    checks.check(config, given.names)
    hooks.check(config.hooks)
    hooks.check_report(config.report)
    choice = run_names.choose(config, given)
    config = dataclasses.replace(config, workdir=choice.folder)
    resume.check_config(config, given.names)
    return Request(config, given, choice)
