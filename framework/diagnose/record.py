"""Puts a diagnosis into the run's folder: as JSON, as text, and for TensorBoard."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tensorboard.plugins.text.summary_v2 import text_pb

from framework import atomic
from framework.diagnose import figure
from framework.diagnose.diagnosis import Diagnosis, diagnose
from framework.diagnose.of_run import open_run
from framework.diagnose.page import page
from framework.report.events import Events

# The exit code where a cause is confirmed.
CONFIRMED = 3


def conclude(
    workdir: str, budget: float = 1.0, as_json: bool = False, trust_run: bool = False
) -> int:
    """Diagnoses a run, prints and records what is found, and returns the exit code.

    Args:
        workdir: Its folder.
        budget: How much experiments may train, in units of the run.
        as_json: Whether to print diagnosis.json instead of a page.
        trust_run: Whether what the run names may be executed; see `framework.trust`.

    Raises:
        UsageError: There is no run.
    """

    def progress(what: str) -> None:
        print(f"{what} ...", file=sys.stderr, flush=True)

    subject = open_run(workdir, trust_run=trust_run)
    found = diagnose(subject, budget, progress)
    record(found, Path(workdir), subject.rows[-1]["step"])
    print(as_text(found) if as_json else page(found), end="")
    return CONFIRMED if found.confirmed else 0


def as_text(diagnosis: Diagnosis) -> str:
    """Returns the text of diagnosis.json."""
    return json.dumps(diagnosis.as_json(), indent=2, allow_nan=False) + "\n"


def record(diagnosis: Diagnosis, workdir: Path, step: int) -> None:
    """Writes WORKDIR/diagnosis.

    Args:
        diagnosis: What was found.
        workdir: The folder of the run.
        step: Its last.
    """
    folder = workdir / "diagnosis"
    folder.mkdir(parents=True, exist_ok=True)
    text, png = page(diagnosis), figure.draw(diagnosis)
    atomic.write_text(folder / "diagnosis.json", as_text(diagnosis))
    atomic.write_text(folder / "diagnosis.txt", text)
    atomic.write_bytes(folder / "diagnosis.png", png)
    for path in folder.glob("events.out.tfevents.*"):
        # An earlier diagnosis of the same run.
        path.unlink()
    events = Events(folder)
    events.add(step, text_pb("diagnosis/text", f"```\n{text}```"))
    events.image(step, "diagnosis/figure", png)
    events.close()
