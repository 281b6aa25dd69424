"""Writes a diagnosis into the run's folder: JSON, text, page, and for TensorBoard."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tensorboard.plugins.text.summary_v2 import text_pb

from framework.data import exclusion
from framework.data.dataset import Dataset
from framework.diagnose import snapshot, workspace
from framework.diagnose.audit import SEVERAL_LABELS, Audit, audit
from framework.diagnose.core.embedding import Embedding
from framework.diagnose.diagnosis import diagnose
from framework.diagnose.explain_run import open_run
from framework.diagnose.report import data_problems, figures, html
from framework.diagnose.report.data_problems import DataProblem
from framework.diagnose.report.diagnosis import Diagnosis
from framework.diagnose.report.galleries import Gallery
from framework.diagnose.snapshot import Snapshot
from framework.models import ModelFunction
from framework.report.events import Events
from framework.report.progress import ProgressLine
from framework.system import atomic

# An audit of more images takes minutes; see docs/how-to/data.md.
_MOST_AUDITED = 20_000
# The exit code where a cause is confirmed.
CONFIRMED = 3


def conclude(
    workdir: str,
    budget: float | str = 1.0,
    print_json: bool = False,
    allow_data_change: bool = False,
    trust_run: bool = False,
    embedding: Embedding | None = None,
) -> int:
    """Diagnoses a run, prints and records the result, and returns the exit code.

    Only RUN/diagnosis is written to; the run may be under way.

    Args:
        workdir: The folder of the run.
        budget: How much trials may train, as a multiple of the run's own training, or
            "60s": then no trial is started that would end later.
        print_json: Whether to print diagnosis.json instead of the text.
        allow_data_change: Whether the data may differ from those of the run.
        trust_run: Whether what the run names may be executed; see
            `framework.launch.trust`.
        embedding: The features by which labels and shifts are judged.

    Raises:
        UsageError: There is no run, or one that cannot be diagnosed.
    """
    progress = ProgressLine(sys.stderr)
    run = snapshot.read(Path(workdir))
    print(run.notice, file=sys.stderr, flush=True)
    with progress:
        done = examine(
            run, progress, budget, allow_data_change, trust_run, embedding=embedding
        )
    print(as_text(done.diagnosis, run) if print_json else done.page, end="")
    print(done.where, file=sys.stderr)
    return CONFIRMED if done.diagnosis.confirmed else 0


@dataclasses.dataclass(frozen=True, eq=False)
class Examined:
    """A diagnosis of a run.

    Attributes:
        diagnosis: The result.
        page: The same as text, with the images to look at.
        where: Where it was recorded, or why it was not, in a sentence.
    """

    diagnosis: Diagnosis
    page: str
    where: str


def examine(
    run: Snapshot,
    progress: Callable[[str], None],
    budget: float | str = 1.0,
    allow_data_change: bool = False,
    trust_run: bool = False,
    model: ModelFunction | None = None,
    dataset: Dataset | None = None,
    embedding: Embedding | None = None,
) -> Examined:
    """Diagnoses a run, and records the result; prints nothing.

    Args:
        run: The state of the run.
        progress: Called with a line about each step.
        budget: See `conclude`, like the next two.
        allow_data_change: See `conclude`.
        trust_run: See `conclude`.
        model: The function that builds its model, if it was given in Python.
        dataset: Its data set, if it was given in Python.
        embedding: See `conclude`.

    Raises:
        UsageError: It cannot be diagnosed.
    """
    with workspace.opened(run.folder) as place:
        context = open_run(
            str(run.folder),
            model,
            dataset,
            snapshot=run,
            trials=place.trials,
            allow_data_change=allow_data_change,
            trust_run=trust_run,
        )
        if embedding is not None:
            embedding.check(context.train.images)
            context = dataclasses.replace(context, embedding=embedding)
        diagnosis = diagnose(context, budget, progress)
        audited, note = _audited(context.dataset, progress, embedding)
        problems = audited.problems if audited else ()
        page = f"{diagnosis}{_about_images(problems, note)}"
        if place.problem:
            where = (
                f"{run.folder / 'diagnosis'} cannot be written to ({place.problem}): "
                f"this diagnosis is not recorded"
            )
            return Examined(diagnosis, page, where)
        # First, since diagnosis.json names them.
        _write_lists(diagnosis, context.dataset, place.folder)
        images = audited.galleries if audited else ()
        record(diagnosis, page, run, place.folder, images)
        data_problems.write(problems, place.folder / "data.csv")
        where = f"the report is in {place.folder / html.FILE}"
        return Examined(diagnosis, page, where)


def _audited(
    dataset: Dataset | None,
    progress: Callable[[str], None],
    embedding: Embedding | None,
) -> tuple[Audit | None, str]:
    """Audits the images; returns the result, and what was not done and why, or ""."""
    if dataset is None:
        return None, ""
    count = len(dataset.train) + len(dataset.validation)
    if count > _MOST_AUDITED:
        return None, f"{count:,} images are not audited here; `whyflat audit` does it"
    try:
        note = SEVERAL_LABELS if dataset.has_several_labels else ""
        return audit(dataset, progress, embedding), note
    except Exception as problem:
        # The diagnosis does not depend on the audit.
        return (
            None,
            f"the images could not be audited: {type(problem).__name__}: {problem}",
        )


def _about_images(problems: Sequence[DataProblem], note: str) -> str:
    """Returns the section of the text about single images; "" if there is none."""
    text = data_problems.summary(problems)
    section = f"\nimages to look at (data.csv):\n{text}" if text else ""
    return section + (f"\n{note}\n" if note else "")


def _write_lists(diagnosis: Diagnosis, dataset: Dataset | None, folder: Path) -> None:
    """Writes the training images that remedies leave out, such as flagged.csv."""
    for finding in diagnosis.findings:
        images = finding.remedy.images
        if images is None or dataset is None:
            continue
        names = (*dataset.class_names, "")
        likely = [names[label] for label in images.likely]
        reasons = [images.reason] * len(images)
        listed = exclusion.listed(dataset, images.rows, likely, reasons)
        exclusion.write(folder / f"{images.name}.csv", listed)


def as_text(diagnosis: Diagnosis, run: Snapshot) -> str:
    """Returns the text of diagnosis.json, with the run and weights it is of."""
    fields = {
        "run": dict(run.state),
        "weights": {"step": run.checkpoint.step, "are_best": run.is_best},
        **diagnosis.as_json(),
    }
    return json.dumps(fields, indent=2, allow_nan=False) + "\n"


def record(
    diagnosis: Diagnosis,
    text: str,
    run: Snapshot,
    folder: Path,
    images: Sequence[Gallery] = (),
) -> None:
    """Writes a diagnosis as JSON, as text, as page, as figure, and for TensorBoard.

    Args:
        diagnosis: The result.
        text: The same as a page of text.
        run: The run that was diagnosed.
        folder: The folder to write to; it exists.
        images: The galleries of the page.
    """
    png = figures.draw(diagnosis)
    atomic.write_text(folder / "diagnosis.json", as_text(diagnosis, run))
    atomic.write_text(folder / "diagnosis.txt", text)
    atomic.write_text(folder / html.FILE, html.page(diagnosis, images, run.folder))
    atomic.write_bytes(folder / "diagnosis.png", png)
    for path in folder.glob("events.out.tfevents.*"):
        # An earlier diagnosis of the same run.
        path.unlink()
    events = Events(folder)
    events.add(run.checkpoint.step, text_pb("diagnosis/text", f"```\n{text}```"))
    events.image(run.checkpoint.step, "diagnosis/figure", png)
    events.close()
