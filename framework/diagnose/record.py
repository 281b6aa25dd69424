"""Puts a diagnosis into the run's folder: as JSON, as text, and for TensorBoard."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from tensorboard.plugins.text.summary_v2 import text_pb

from framework import atomic
from framework.diagnose import figure, stored
from framework.diagnose.diagnosis import Diagnosis, diagnose
from framework.diagnose.of_run import open_run
from framework.diagnose.page import page
from framework.history import Row
from framework.report.events import Events

# The exit code where a cause is confirmed.
CONFIRMED = 3


def conclude(workdir: str, budget: float = 1.0, as_json: bool = False) -> int:
    """Diagnoses a run, prints and records what is found, and returns the exit code.

    Args:
        workdir: Its folder.
        budget: How much experiments may train, in units of the run.
        as_json: Whether to print diagnosis.json instead of a page.

    Raises:
        UsageError: There is no run.
    """

    def progress(what: str) -> None:
        print(f"{what} ...", file=sys.stderr, flush=True)

    subject = open_run(workdir)
    found = diagnose(subject, budget, progress)
    record(found, Path(workdir), subject.rows)
    print(as_text(found, subject.rows) if as_json else page(found), end="")
    return CONFIRMED if found.confirmed else 0


def as_text(diagnosis: Diagnosis, rows: Sequence[Row]) -> str:
    """Returns the text of diagnosis.json.

    Args:
        diagnosis: What was found.
        rows: The metrics of the run's evaluations.
    """
    members = {**diagnosis.as_json(), "run": stored.run_state(rows)}
    return json.dumps(members, indent=2, allow_nan=False) + "\n"


def record(diagnosis: Diagnosis, workdir: Path, rows: Sequence[Row]) -> None:
    """Writes WORKDIR/diagnosis.

    Args:
        diagnosis: What was found.
        workdir: The folder of the run.
        rows: The metrics of its evaluations.
    """
    step = rows[-1]["step"]
    folder = workdir / "diagnosis"
    folder.mkdir(parents=True, exist_ok=True)
    text, png = page(diagnosis), figure.draw(diagnosis)
    atomic.write_text(folder / "diagnosis.json", as_text(diagnosis, rows))
    atomic.write_text(folder / "diagnosis.txt", text)
    atomic.write_bytes(folder / "diagnosis.png", png)
    for path in folder.glob("events.out.tfevents.*"):
        # An earlier diagnosis of the same run.
        path.unlink()
    events = Events(folder)
    events.add(step, text_pb("diagnosis/text", f"```\n{text}```"))
    events.image(step, "diagnosis/figure", png)
    events.close()
