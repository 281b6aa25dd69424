"""Rebuilds the components of a run from its folder, and changes nothing in it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from framework.config import Config
from framework.data import cache
from framework.data import record as data_record
from framework.data.dataset import Dataset
from framework.data.images import Progress
from framework.errors import UsageError
from framework.launch import components, trust
from framework.launch import given as given_lib
from framework.launch.components import Components
from framework.launch.given import Given
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
    for_same_bits: bool = False,
) -> tuple[Config, Components]:
    """Builds the components of a run, with initial weights.

    They are on one device, unless all bits shall be those of the run.

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
        for_same_bits: Whether to compute as the run did: with XLA, and on as many
            devices of one process, if the last bits depend on these.

    Returns:
        The configuration that the components are of, and these.

    Raises:
        UsageError: The data have changed; the run is not trusted; or its model or data
            were given in Python and are not given here, or another model is.
    """
    given = Given(model, dataset)
    for name in given_lib.fields(config):
        if name not in given.names:
            raise UsageError(
                f"the {name} of the run in {folder} was given in Python; give it to "
                f"framework.diagnose.explain_run.open_run (or "
                f"framework.launch.evaluation.evaluate) as well, or use "
                f"framework.diagnose.explain"
            )
    trust.load(folder, config, trust_run, given.names)
    config = dataclasses.replace(
        config,
        **_place(config, for_same_bits),
        fresh=False,
        # Not in a folder that somebody else's run names.
        cache=config.cache if config.cache == cache.OFF else cache.AUTO,
        workdir=str(folder),
    )
    built = components.build(config, model, dataset, progress)
    now = given.described(config, built.state.model, built.examples.dataset).model
    if now != config.model and "model" in given_lib.fields(config):
        raise UsageError(
            f"the model given is {now}, that of the run in {folder} is {config.model}"
        )
    before = data_record.read(folder)
    if before:
        data = built.data_record(config)
        before.check_test(data)
        if not allow_data_change:
            data_record.check(before, data, folder)
    return config, built


def _place(config: Config, for_same_bits: bool) -> dict[str, Any]:
    """Returns the fields of the config that decide where and how it computes."""
    on_one = {"strategy": "default", "devices": 0}
    if not for_same_bits:
        # Where it runs changes no numbers but their last bits.
        return {**on_one, "jit": False}
    # From servers come the same images as from the disk. Threads are those of the
    # process.
    place: dict[str, Any] = {"threads": 0}
    if config.input == "service":
        place["input"] = "auto"
    if config.shards or config.strategy in ("multi_worker", "tpu"):
        place |= on_one
    return place
