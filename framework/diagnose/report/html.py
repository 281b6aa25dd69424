"""A diagnosis as a page for a browser: one file that loads nothing.

Jinja escapes every value, and control characters are shown as escapes. `whyflat remedy`
fills the slots for the proof afterwards; see `fill`.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import markupsafe

from framework.config import Config, experiment
from framework.diagnose.core.causes import CAUSES
from framework.diagnose.core.finding import STATUSES, Finding
from framework.diagnose.core.ledger import TrialRecord
from framework.diagnose.measure.accuracy import Accuracy
from framework.diagnose.measure.most_shifted import MostShifted
from framework.diagnose.measure.plateau import Plateau
from framework.diagnose.report import charts, galleries
from framework.diagnose.report.answer import answer, cost_text, points
from framework.diagnose.report.charts import Bar, Curve
from framework.diagnose.report.diagnosis import Diagnosis
from framework.diagnose.report.galleries import Gallery
from framework.diagnose.report.reading import reading
from framework.launch import given
from framework.report.history import Row
from framework.system import atomic
from framework.system.printable import printable

# In the folder of a diagnosis.
FILE = "report.html"
# Of the curve, on screens of more and of less than 40 em.
_WIDE, _NARROW = (860, 340), (350, 270)
# In the table of the curve's numbers; of more evaluations, evenly spaced ones.
_MOST_ROWS = 40
_STATIC = ("static", "at_chance")
# The places that a proof fills.
SLOTS = ("proof-answer", "proof")


@dataclasses.dataclass(frozen=True, eq=False)
class Advice:
    """What to do about a finding.

    Attributes:
        text: In words.
        changes: Flags that change: the old one, or "", and the new one.
        command: Trains with them, quoted for a shell, or in Python where the run's
            model or data were given so; "" without flags or run.
        code: Lines of Python, where there are no flags.
    """

    text: str
    changes: tuple[tuple[str, str], ...]
    command: str
    code: tuple[str, ...]


@dataclasses.dataclass(frozen=True, eq=False)
class Entry:
    """A finding with what the page says of it.

    Attributes:
        finding: The finding.
        meaning: That of its status.
        bar: Of its cost; None if that was not measured.
        advice: None where the cause was ruled out.
    """

    finding: Finding
    meaning: str
    bar: Bar | None
    advice: Advice | None


@dataclasses.dataclass(frozen=True, eq=False)
class Trial:
    """A line of the table of trials.

    Attributes:
        title: What was tried.
        seeds: Which seed it had.
        record: The record.
        bar: Of its gain.
        verdict: What it has shown of the cause.
    """

    title: str
    seeds: str
    record: TrialRecord
    bar: Bar | None
    verdict: str


def page(
    diagnosis: Diagnosis, images: Sequence[Gallery] = (), run: Path | None = None
) -> str:
    """Returns a diagnosis as an HTML document.

    Args:
        diagnosis: The result.
        images: The galleries of an audit.
        run: The folder of the run, for commands; None for a Keras program.
    """
    plateau, findings = diagnosis.plateau, diagnosis.findings
    accuracy = diagnosis.measured.get(Accuracy)
    entries = [
        _entry(each, diagnosis.measured.settings.config, run) for each in findings
    ]
    document = render(
        "page.html",
        name=str(run) if run else "",
        answer=answer(plateau, accuracy, findings),
        tiles=_tiles(plateau, accuracy),
        verdict=f"{plateau.verdict.replace('_', ' ')}: {plateau.reason}",
        reading=reading(accuracy),
        curves=_curves(diagnosis, accuracy),
        rows=_rows(diagnosis.rows),
        trials=_trials(diagnosis),
        found=[each for each in entries if each.finding.status == "confirmed"],
        uncertain=[
            each
            for each in entries
            if each.finding.status not in ("confirmed", "falsified")
        ],
        ruled_out=[each for each in entries if each.advice is None],
        galleries=[*images, *_shifted(diagnosis)],
        not_judged=[
            (_title(cause), each)
            for cause, each in sorted(
                diagnosis.not_judged.items(), key=lambda item: not item[1].is_failure
            )
        ],
        failed=[each for each in diagnosis.trials if each.problem],
    )
    # The page has all slots.
    return filled_in(document, diagnosis.slots) or document


def render(template: str, **values: Any) -> str:
    """Returns a template of this package with some values; they are escaped."""
    return _environment().get_template(template).render(**values)


def fill(path: Path, texts: Mapping[str, str]) -> bool:
    """Replaces the content of slots of a page; returns whether there is such a page.

    Args:
        path: The file, which `page` has made.
        texts: HTML from `render`, by slot.

    Raises:
        OSError: It cannot be written.
    """
    try:
        # A link could lead to a file that others must not read.
        document = "" if path.is_symlink() else atomic.read_bytes(path).decode()
    except (OSError, UnicodeDecodeError):
        return False
    filled = filled_in(document, texts)
    if filled is None:
        return False
    atomic.write_text(path, filled)
    return True


def filled_in(document: str, texts: Mapping[str, str]) -> str | None:
    """Returns a page with other content of slots; None if it lacks one.

    Args:
        document: From `page`.
        texts: HTML from `render`, by slot.
    """
    for slot, text in texts.items():
        begin, end = f"<!-- {slot} -->", f"<!-- end of {slot} -->"
        before, found, rest = document.partition(begin)
        _, is_closed, after = rest.partition(end)
        if not (found and is_closed):
            return None
        document = f"{before}{begin}\n{text}\n{end}{after}"
    return document


def changes(config: Config | None, flags: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Returns each flag with the one that it replaces, both quoted for a shell.

    >>> changes(Config(learning_rate=0.1), ["--learning_rate=0.01"])
    (('--learning_rate=0.1', '--learning_rate=0.01'),)
    """
    pairs = []
    for flag in flags:
        name = shlex.split(flag)[0].removeprefix("--").partition("=")[0]
        old = getattr(config, name, None)
        before = "" if old is None else shlex.quote(f"--{name}={old}")
        pairs.append((before, flag))
    return tuple(pairs)


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("framework.diagnose.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_without_controls,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "cost": cost_text,
        "percent": _percent,
    }
    return environment


def _without_controls(value: object) -> object:
    """Escapes control characters and writing directions of a text."""
    if isinstance(value, str) and not isinstance(value, markupsafe.Markup):
        return printable(value, keep="\n")
    return value


def _tiles(plateau: Plateau, accuracy: Accuracy) -> list[tuple[str, str, str]]:
    """Returns the most important numbers: title, number and remark."""
    sets = [("validation", accuracy.validation), ("training", accuracy.train_clean)]
    if accuracy.train_dev is not None:
        sets.append(("held out of training", accuracy.train_dev))
    tiles = [
        (
            f"accuracy, {name}",
            f"{each.accuracy.value:.1%}",
            f"{each.accuracy.low:.1%} to {each.accuracy.high:.1%}, "
            f"{each.images:,} images",
        )
        for name, each in sets
    ]
    resolution = f"{points(plateau.detectable)} points"
    return [*tiles, ("smallest visible change", resolution, "of validation accuracy")]


def _curves(diagnosis: Diagnosis, accuracy: Accuracy) -> list[Curve]:
    """Returns the curve for wide and for narrow screens; none without evaluations."""
    since = None
    if diagnosis.plateau.verdict in _STATIC:
        since = charts.static_since(
            diagnosis.rows, accuracy.validation.images, diagnosis.plateau.window
        )
    sizes = {"wide": _WIDE, "narrow": _NARROW}
    drawn = [
        charts.curve(diagnosis.rows, since, size, name) for name, size in sizes.items()
    ]
    return [each for each in drawn if each is not None]


def _rows(rows: Sequence[Row]) -> list[Row]:
    """Returns the rows for the table of the curve."""
    step = -(-len(rows) // _MOST_ROWS) or 1
    return list(rows[::-1][::step][::-1])


def _trials(diagnosis: Diagnosis) -> list[Trial]:
    """Returns the trials that were measured."""
    records = [each for each in diagnosis.trials if not each.problem]
    statuses = {each.cause.name: each.status for each in diagnosis.findings}
    drawn = charts.bars([each.gain for each in records])
    return [
        _trial(each, bar, statuses) for each, bar in zip(records, drawn, strict=True)
    ]


def _trial(record: TrialRecord, bar: Bar | None, statuses: Mapping[str, str]) -> Trial:
    name, seeds = record.name, "1"
    if name.endswith(" again"):
        name, seeds = name.removesuffix(" again"), "another"
    verdict = statuses.get(name, "")
    if name.endswith(" control"):
        name, verdict = name.removesuffix(" control"), "for comparison"
        return Trial(f"{_title(name)}: control", seeds, record, bar, verdict)
    return Trial(_title(name), seeds, record, bar, verdict)


def _title(name: str) -> str:
    """Returns the title of a cause, or the name of something else, in words."""
    if name in CAUSES:
        return CAUSES[name].title
    return name.replace("_", " ")


def _entry(finding: Finding, config: Config | None, run: Path | None) -> Entry:
    is_costly = finding.status in ("confirmed", "minor")
    bar = charts.bars([finding.cost])[0] if is_costly else None
    advice = None
    if finding.status != "falsified":
        advice = _advice(finding, config, run)
    return Entry(finding, STATUSES[finding.status], bar, advice)


def _advice(finding: Finding, config: Config | None, run: Path | None) -> Advice:
    remedy = finding.remedy
    command = ""
    if remedy.flags and config is not None and given.fields(config):
        command = _call(finding, config, run)
    elif remedy.flags and run is not None:
        start = [*experiment.train_command(run), f"--flagfile={run / 'flags.txt'}"]
        folder = shlex.quote(f"--workdir={run}-{finding.cause.name}")
        # A flag a line, which a shell reads as one command.
        command = " \\\n  ".join([shlex.join(start), *remedy.flags, folder])
    # Whoever trains by flags has them instead.
    code = () if remedy.flags else remedy.code
    return Advice(remedy.text, changes(config, remedy.flags), command, code)


def _call(finding: Finding, config: Config, run: Path | None) -> str:
    """Returns lines of Python that train a run with a remedy; "" if there are none.

    Args:
        finding: The finding.
        config: Of the run, whose model or data were given in Python.
        run: Its folder.
    """
    change = finding.remedy.intervention
    if change is None or run is None:
        return ""
    changed = dataclasses.replace(
        change.apply(config), workdir=f"{run}-{finding.cause.name}"
    )
    names = [*config.difference(changed), "workdir"]
    return "\n".join(given.call(config, changed, names))


def _shifted(diagnosis: Diagnosis) -> list[Gallery]:
    """Returns the images that differ most, if it is found that images differ."""
    names = {
        each.cause.name for each in diagnosis.findings if each.status != "falsified"
    }
    if "distribution_shift" not in names:
        return []
    shifted = diagnosis.measured.find(MostShifted)
    return [] if shifted is None else [galleries.of_shift(shifted)]


def _percent(value: float | None) -> str:
    """Returns an accuracy of a row, or a dash where it is missing."""
    return f"{value:.1%}" if value is not None and math.isfinite(value) else "-"
