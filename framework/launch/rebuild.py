"""Rebuilds the components of a run from its folder, and changes nothing in it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from framework.config import Config
from framework.data import record as data_record
from framework.data.dataset import Dataset, Progress
from framework.errors import UsageError
from framework.launch import components, trust
from framework.launch.components import Components
from framework.models import ModelFunction


def rebuild(
    folder: Path,
    config: Config,
    model: ModelFunction | None = None,
    dataset: Dataset | None = None,
    progress: Progress = lambda done, total: None,
    *,
    allow_data_change: bool = False,
    trust_run: bool = False,
) -> tuple[Config, Components]:
    """Builds the components of a run on one device, with initial weights.

    Args:
        folder: The folder of the run, which may still be training.
        config: Its configuration.
        model: The function that builds its model, if it was given in Python.
        dataset: Its data set, if it was given in Python.
        progress: Called with the numbers of images loaded and to load.
        allow_data_change: Whether the data may differ from those of the run. Its test
            part must not have images that were trained on in any case.
        trust_run: Whether modules and servers that the run names may be used although
            somebody else has trained it.

    Returns:
        The configuration that the components are of, and these.

    Raises:
        UsageError: The data have changed; the run is not trusted; or its model or data
            were given in Python and are not given here.
    """
    values = {"model": model, "dataset": dataset}
    for name, value in values.items():
        if getattr(config, name).startswith("given(") and value is None:
            raise UsageError(
                f"the {name} of the run in {folder} was given in Python; give it to "
                f"framework.diagnose.explain_run.open_run (or "
                f"framework.launch.evaluation.evaluate) as well, or use "
                f"framework.diagnose.explain"
            )
    given = [name for name, value in values.items() if value is not None]
    trust.load(folder, config, trust_run, given)
    # Where it runs changes no numbers.
    config = dataclasses.replace(
        config,
        strategy="default",
        devices=0,
        jit=False,
        fresh=False,
        workdir=str(folder),
    )
    built = components.build(config, model, dataset, progress)
    before = data_record.read(folder)
    if before:
        now = built.data_record(components.drawn_by(config))
        before.check_test(now)
        if not allow_data_change:
            data_record.check(before, now, folder)
    return config, built
