"""Random search: what twenty trainings find without a diagnosis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framework.config import Config
from framework.diagnose.core.intervention import Intervention
from framework.launch import run as run_lib
from framework.launch.role import PART
from framework.sweep.settings import RANDOM, Settings
from framework.sweep.space import Choices, Parameter, Space, log

if TYPE_CHECKING:
    from framework.report import Report

# As many times the budget of one training.
TRIALS = 20
# What is usually searched; the first of each choice is what the run has.
_PARAMETERS: Mapping[str, Parameter] = {
    "learning_rate_factor": log(1e-3, 1e3),
    "batch_size_factor": Choices((1.0, 0.25, 4.0)),
    "weight_decay": Choices((0.0, 1e-4, 1e-2)),
    "augment": Choices(("", "shift(.1)", "rotate(10) + shift(.1) + zoom(.1)")),
    "standardize": Choices((False, True)),
    "dropout": Choices((0.0, 0.5)),
}


def best(config: Config, folder: Path) -> Intervention:
    """Returns the change with which validation was best after training.

    Args:
        config: Of the run.
        folder: Of the trials; the same call resumes there.
    """
    # Imported here, because it loads Optuna.
    from framework.sweep import table
    from framework.sweep.sweep import sweep

    def changed(values: Mapping[str, Any]) -> Config:
        return Intervention(**values).apply(config)

    def train(config: Config, reports: Sequence[Report]) -> None:
        run_lib.run(config, quiet=True, reports=reports, role=PART)

    folder.mkdir(parents=True, exist_ok=True)
    space = Space(_PARAMETERS, (config.seed,))
    settings = Settings(space, TRIALS, config.monitor, sampler=RANDOM)
    rows = sweep(folder, settings, changed, config.numbers(), train)
    return Intervention(**table.ranked(rows, config.monitor)[0].values)
