"""Says why the validation accuracy of a run is static, and what to do about it.

python -m framework.diagnose --workdir=runs/train
python -m framework.diagnose --workdir=runs/train --json

The exit code is 0 if nothing is wrong for certain, 3 if something is.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from absl import flags

from framework import command
from framework.diagnose import page
from framework.diagnose.diagnosis import diagnose
from framework.diagnose.of_run import open_run
from framework.errors import UsageError
from framework.history import replace_text

_WORKDIR = flags.DEFINE_string("workdir", "", "The folder of the run.")
_BUDGET = flags.DEFINE_float(
    "budget", 1.0, "How much experiments may train, in units of the run itself.", 0.0
)
_JSON = flags.DEFINE_bool("json", False, "Print diagnosis.json.")
_CONFIRMED = 3


def main(arguments: list[str]) -> int:
    """Does what the command line says; returns the exit code."""
    if arguments or not _WORKDIR.value:
        raise UsageError("give the folder of a run, as in --workdir=runs/train")

    def progress(what: str) -> None:
        print(f"{what} ...", file=sys.stderr, flush=True)

    found = diagnose(open_run(_WORKDIR.value), _BUDGET.value, progress)
    folder = Path(_WORKDIR.value) / "diagnosis"
    folder.mkdir(exist_ok=True)
    text = json.dumps(found.as_json(), indent=2) + "\n"
    replace_text(folder / "diagnosis.json", text)
    print(text if _JSON.value else page.page(found), end="")
    return _CONFIRMED if found.confirmed else 0


if __name__ == "__main__":
    command.run(main)
