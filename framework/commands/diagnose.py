"""Says why the validation accuracy of a run is static, and what to do about it.

    whyflat diagnose --workdir=runs/train
    whyflat diagnose --workdir=runs/train --json

The second prints what the first has found, at once, if the run has not gone on since.
The exit code is 0 if nothing is wrong for certain, 3 if something is.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from absl import flags

from framework import command
from framework.errors import UsageError

_WORKDIR = flags.DEFINE_string("workdir", "", "The folder of the run.")
_BUDGET = flags.DEFINE_float(
    "budget", 1.0, "How much experiments may train, in units of the run itself.", 0.0
)
_JSON = flags.DEFINE_bool("json", False, "Print diagnosis.json.")
_ALLOW_DATA = flags.DEFINE_bool(
    "allow_data_change", False, "Diagnose even though the data have changed."
)


def diagnose(arguments: list[str]) -> int:
    """Does what the command line says; returns the exit code."""
    if arguments or not _WORKDIR.value:
        raise UsageError("give the folder of a run, as in --workdir=runs/train")
    text = _recorded(Path(_WORKDIR.value)) if _JSON.value else ""
    if text:
        print(text, end="")
        findings = json.loads(text)["findings"]
        return 3 if any(each["status"] == "confirmed" for each in findings) else 0
    # Loads TensorFlow.
    from framework.diagnose.record import conclude

    return conclude(_WORKDIR.value, _BUDGET.value, _JSON.value, _ALLOW_DATA.value)


def _recorded(workdir: Path) -> str:
    """Returns the diagnosis.json of a run that has not gone on since; or nothing."""
    path, rows = workdir / "diagnosis" / "diagnosis.json", workdir / "metrics.jsonl"
    if not path.exists() or not rows.exists():
        return ""
    return path.read_text() if path.stat().st_mtime > rows.stat().st_mtime else ""


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Does what the command line says, and exits."""
    command.run(diagnose, argv)
