"""Says why the validation accuracy of a run is static, and what to do about it.

python -m framework.diagnose --workdir=runs/train
python -m framework.diagnose --workdir=runs/train --json

The second prints what the first has found, at once, if the run has not gone on since.
The exit code is 0 if nothing is wrong for certain, 3 if something is.
"""

from __future__ import annotations

import json
from pathlib import Path

from absl import flags

from framework import command, experiment, paths
from framework.errors import UsageError

_WORKDIR = flags.DEFINE_string("workdir", "", "The folder of the run.")
_BUDGET = flags.DEFINE_float(
    "budget", 1.0, "How much experiments may train, in units of the run itself.", 0.0
)
_JSON = flags.DEFINE_bool("json", False, "Print diagnosis.json.")
_EXPERIMENT = command.define_experiment()
_TRUST = flags.DEFINE_bool(
    "trust_run",
    False,
    "Import the modules and contact the servers that the run names, although it was "
    "not made by you on this machine.",
)


def main(arguments: list[str]) -> int:
    """Does what the command line says; returns the exit code."""
    if arguments or not _WORKDIR.value:
        raise UsageError("give the folder of a run, as in --workdir=runs/train")
    workdir = paths.expand(_WORKDIR.value, "--workdir")
    text = _recorded(Path(workdir)) if _JSON.value else ""
    if text:
        print(text, end="")
        findings = json.loads(text)["findings"]
        return 3 if any(each["status"] == "confirmed" for each in findings) else 0
    # Loads TensorFlow.
    from framework.diagnose.record import conclude

    if _EXPERIMENT.value:
        experiment.load(_EXPERIMENT.value)
    return conclude(workdir, _BUDGET.value, _JSON.value, _TRUST.value)


def _recorded(workdir: Path) -> str:
    """Returns the diagnosis.json of a run that has not gone on since; or nothing."""
    path, rows = workdir / "diagnosis" / "diagnosis.json", workdir / "metrics.jsonl"
    if not path.exists() or not rows.exists():
        return ""
    return path.read_text() if path.stat().st_mtime > rows.stat().st_mtime else ""


if __name__ == "__main__":
    command.run(main)
