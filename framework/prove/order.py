"""The order in which competing remedies are proven: the likeliest first.

Each is trained as the run was, and judged on the validation images, in a sweep with
successive halving in RUN/diagnosis/proof/order. It chooses an order and no more: what a
remedy is worth, the proof measures with other seeds and on other images.
"""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framework.config import Config
from framework.diagnose.core.intervention import Intervention
from framework.errors import UsageError
from framework.launch import run as run_lib
from framework.launch.given import Given
from framework.launch.role import PART
from framework.prove import plan as plan_lib
from framework.sweep import table
from framework.sweep.settings import GRID, HALVING, Settings
from framework.sweep.space import Choices, Space

if TYPE_CHECKING:
    from framework.report import Report

_REMEDY = "remedy"


def ordered(
    config: Config,
    interventions: Mapping[str, Intervention],
    given: Given,
    folder: Path,
    progress: Callable[[str], None],
    plan_only: bool = False,
) -> dict[str, Intervention]:
    """Returns remedies in the order in which to prove them.

    Those that fix the ruler come first, in their order: the validation images, which
    they change, cannot compare them. Of a proof that has begun, the order stays. Any
    number of processes may call it, and share the runs.

    Args:
        config: Of the run.
        interventions: The remedies by cause, in the order of the diagnosis.
        given: The model and the data set of the runs.
        folder: RUN/diagnosis/proof.
        progress: Called with a line about each run.
        plan_only: Whether to train nothing, and to keep the order of the diagnosis.
    """
    begun = plan_lib.planned_order(folder)
    # The plan also has those that cannot be trained.
    if begun and set(interventions) <= set(begun):
        return {
            cause: interventions[cause] for cause in begun if cause in interventions
        }
    if begun:
        # Another plan, which is refused when this one is frozen.
        return dict(interventions)
    competing = [
        cause
        for cause in interventions
        if plan_lib.kind_of(cause) == plan_lib.MODEL_IMPROVING
    ]
    if plan_only or len(competing) < 2:
        return dict(interventions)
    if importlib.util.find_spec("optuna") is None:
        progress(
            "the remedies are proven in the order of the diagnosis: to choose it by "
            "short runs, pip install 'whyflat[sweep]'"
        )
        return dict(interventions)
    first = [cause for cause in interventions if cause not in competing]
    chosen = _compared(config, interventions, competing, given, folder, progress)
    progress(f"the order of the proof: {', '.join([*first, *chosen])}")
    return {cause: interventions[cause] for cause in (*first, *chosen)}


def _compared(
    config: Config,
    interventions: Mapping[str, Intervention],
    competing: Sequence[str],
    given: Given,
    folder: Path,
    progress: Callable[[str], None],
) -> list[str]:
    """Trains remedies by successive halving; returns their causes, the best first."""
    # Imported here, because it loads Optuna.
    from framework.sweep.sweep import sweep

    def train(config: Config, reports: Sequence[Report]) -> None:
        run_lib.run(config, given.builder, given.dataset, True, reports, role=PART)

    def remedied(values: Mapping[str, Any]) -> Config:
        # Where it runs, and what is kept, changes no numbers.
        return dataclasses.replace(
            interventions[values[_REMEDY]].apply(config),
            strategy="default",
            devices=0,
            keep_checkpoints=1,
            hooks="",
            report="",
            diagnose=False,
            fresh=False,
            allow_config_change=False,
            allow_data_change=False,
        )

    changes = {cause: remedied({_REMEDY: cause}).numbers() for cause in competing}
    settings = Settings(
        Space({_REMEDY: Choices(tuple(competing))}, (config.seed,)),
        len(competing),
        config.monitor,
        sampler=GRID,
        pruner=HALVING,
    )
    place = folder / plan_lib.ORDER
    try:
        rows = sweep(place, settings, remedied, changes, train, progress)
    except UsageError as problem:
        differences = "\n".join(str(problem).splitlines()[1:])
        raise UsageError(
            f"the order in {place} was begun for other remedies or another run; move "
            f"that folder aside\n{differences}".rstrip()
        ) from None
    return [row.values[_REMEDY] for row in table.ranked(rows, config.monitor)]
