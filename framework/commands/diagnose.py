"""Diagnoses why the validation accuracy of a run is static, with remedies.

    whyflat diagnose runs/digits-cnn-1
    whyflat diagnose runs/digits-cnn-1 --json

The second command prints the result of the first at once, unless the run has continued
since, or --embedding is given. The exit code is 3 if a cause is confirmed, else 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from absl import flags

from framework.config import command, experiment
from framework.diagnose.core.budget import Budget
from framework.diagnose.report import stored
from framework.system import paths

_WORKDIR = flags.DEFINE_string(
    "workdir", "", "Folder of the run to diagnose, such as runs/digits-cnn-1."
)
_BUDGET = flags.DEFINE_string(
    "budget",
    "1",
    "Maximum of all trials: a multiple of the run's own training, such as 0.5, or the "
    "seconds after which no trial may end, such as 60s.",
)
_JSON = flags.DEFINE_bool(
    "json", False, "Print the diagnosis as JSON, the content of diagnosis.json."
)
_ALLOW_DATA = flags.DEFINE_bool(
    "allow_data_change",
    False,
    "Diagnose the run even if its data have changed, such as by additional images.",
)
_EXPERIMENT = command.define_experiment()
_EMBEDDING, _PIXELS = command.define_embedding()
_TRUST = command.define_trust_run()


def diagnose(arguments: list[str]) -> int:
    """Diagnoses a run; returns the exit code.

    Args:
        arguments: The arguments that are not flags: at most the folder of the run.
    """
    folder = command.one_run(arguments, _WORKDIR.value, "diagnose")
    workdir = paths.expand(folder, "--workdir")
    Budget.parse(_BUDGET.value)
    is_stored = _JSON.value and not _EMBEDDING.value
    current = stored.read_current(Path(workdir)) if is_stored else None
    if current:
        text, is_confirmed = current
        print(text, end="")
        return 3 if is_confirmed else 0
    # Imported here, because it loads TensorFlow.
    from framework.diagnose.conclude import conclude
    from framework.diagnose.core import embedding

    if _EXPERIMENT.value:
        experiment.load(_EXPERIMENT.value)
    return conclude(
        workdir,
        _BUDGET.value,
        _JSON.value,
        _ALLOW_DATA.value,
        _TRUST.value,
        embedding.of_flags(_EMBEDDING.value, _PIXELS.value),
    )


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Parses the command line, runs the command, and exits."""
    command.run(diagnose, argv)
