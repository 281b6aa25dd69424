"""Says why the validation accuracy of a run is static, and what to do about it.

    whyflat diagnose --workdir=runs/train
    whyflat diagnose --workdir=runs/train --json

The second prints what the first has found, at once, if the run has not gone on since.
The exit code is 0 if nothing is wrong for certain, 3 if something is.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from absl import flags

from framework.config import command, experiment
from framework.diagnose.report import stored
from framework.errors import UsageError
from framework.system import paths

_WORKDIR = flags.DEFINE_string("workdir", "", "The folder of the run.")
_BUDGET = flags.DEFINE_float(
    "budget", 1.0, "How much experiments may train, in units of the run itself.", 0.0
)
_JSON = flags.DEFINE_bool("json", False, "Print diagnosis.json.")
_ALLOW_DATA = flags.DEFINE_bool(
    "allow_data_change", False, "Diagnose even though the data have changed."
)
_EXPERIMENT = command.define_experiment()
_TRUST = flags.DEFINE_bool(
    "trust_run",
    False,
    "Import the modules and contact the servers that the run names, although it was "
    "not made by you on this machine.",
)


def diagnose(arguments: list[str]) -> int:
    """Does what the command line says; returns the exit code."""
    if arguments or not _WORKDIR.value:
        raise UsageError("give the folder of a run, as in --workdir=runs/train")
    workdir = paths.expand(_WORKDIR.value, "--workdir")
    current = stored.read_current(Path(workdir)) if _JSON.value else None
    if current:
        text, is_confirmed = current
        print(text, end="")
        return 3 if is_confirmed else 0
    # Loads TensorFlow.
    from framework.diagnose.conclude import conclude

    if _EXPERIMENT.value:
        experiment.load(_EXPERIMENT.value)
    return conclude(
        workdir, _BUDGET.value, _JSON.value, _ALLOW_DATA.value, _TRUST.value
    )


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Does what the command line says, and exits."""
    command.run(diagnose, argv)
