"""A proof on the page of the diagnosis: its answer, and its table."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from framework.config import Config
from framework.diagnose.core.causes import CAUSES
from framework.diagnose.report import charts, html
from framework.diagnose.report.charts import Bar
from framework.prove import report
from framework.prove.plan import Plan
from framework.prove.proof import Result
from framework.prove.run_arms import Outcome
from framework.prove.statistics import Gain
from framework.prove.verdict import Agreement

# Old and new, of each flag or line of Python.
Changes = tuple[tuple[str, str], ...]


class Proven(Protocol):
    """The parts of `framework.prove.prove_run.Proof` that are shown."""

    @property
    def config(self) -> Config:
        """Of the run."""
        ...

    @property
    def plan(self) -> Plan:
        """The plan."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader has to know, such as which images judge."""
        ...

    @property
    def results(self) -> tuple[Result, ...]:
        """Of the remedies, in order."""
        ...


@dataclasses.dataclass(frozen=True, eq=False)
class ArmRow:
    """A line of the table of a remedy.

    Attributes:
        title: The arm.
        mean: Its metric, the mean over seeds.
        note: How often it diverged, or "".
        over_seeds: The gain of the remedy over it, with the interval over seeds; "" for
            the remedy itself.
        over_images: The same with the interval over images.
        bar: Of the former.
        image_bar: Of the latter.
        cost: In seconds.
    """

    title: str
    mean: str
    note: str
    over_seeds: str
    over_images: str
    bar: Bar | None
    image_bar: Bar | None
    cost: str


@dataclasses.dataclass(frozen=True, eq=False)
class Remedy:
    """A remedy on the page.

    Attributes:
        title: That of its cause.
        is_success: Whether it is proven.
        verdict: The verdict.
        reason: Why.
        seeds: The number of seeds.
        arms: The remedy first; none if nothing was trained.
        agreement: How far validation and test are apart, in words.
        changes: Each flag or line of Python that changes, old ("" for none) and new.
        checks: Whether the change has changed what it should, in words.
        command: Trains with a proven remedy, by a command or by lines of Python; "" for
            others.
    """

    title: str
    is_success: bool
    verdict: str
    reason: str
    seeds: int
    arms: tuple[ArmRow, ...]
    agreement: tuple[str, ...]
    changes: Changes
    checks: tuple[str, ...]
    command: str


def write(folder: Path, run: Path, proof: Proven) -> bool:
    """Adds a proof to the page of a diagnosis, in place of an earlier one.

    Args:
        folder: That of the diagnosis; nothing is done if it has no page.
        run: The folder of the run.
        proof: The proof.

    Returns:
        Whether it was written.

    Raises:
        OSError: It cannot be written.
    """
    plan, config = proof.plan, proof.config

    def changes(arm: str) -> Changes:
        fields = plan.arms[arm].changes
        flags = [shlex.quote(f"--{name}={value}") for name, value in fields.items()]
        return html.changes(config, flags)

    def command(result: Result) -> str:
        changed = report.remedied(run, config, plan, result)
        return "\n".join(report.how_to_train(run, config, changed))

    slots = texts(plan, proof.results, proof.notes, changes, command)
    return html.fill(folder / html.FILE, slots)


def texts(
    plan: Plan,
    results: Sequence[Result],
    notes: Sequence[str],
    changes: Callable[[str], Changes],
    command: Callable[[Result], str],
) -> dict[str, str]:
    """Returns the HTML of a proof, by slot of the page.

    Args:
        plan: The plan.
        results: Of the remedies, in order.
        notes: What a reader has to know, such as which images judge.
        changes: Returns the lines of an arm's changes.
        command: Returns how to train with a proven remedy.
    """
    remedies = [
        _remedy(each, changes(each.comparison.remedy), command) for each in results
    ]
    section = html.render(
        "proof.html",
        notes=notes,
        remedies=remedies,
        metric=plan.metric,
        sha256=plan.sha256,
    )
    answer = html.render("proof_answer.html", text=_answer(plan, results))
    return {"proof-answer": answer, "proof": section}


def _answer(plan: Plan, results: Sequence[Result]) -> str:
    """Returns the result of the proof in a sentence."""
    for result in results:
        cause = _title(result.comparison.cause).lower()
        if not result.is_success:
            continue
        if result.agreement is not None:
            return (
                f"Proven: with the remedy of \u201c{cause}\u201d, validation and test "
                f"accuracy agree."
            )
        gain = result.gains[result.comparison.unchanged]
        return (
            f"Proven on {plan.data['test']['images']:,} images of the "
            f"{plan.judge}: the remedy of \u201c{cause}\u201d gains "
            f"{gain.over_seeds.in_points}."
        )
    names = ", ".join(
        f"{_title(each.comparison.cause).lower()}: {each.verdict.name}"
        for each in results
    )
    return f"No remedy is proven ({names})."


def _title(cause: str) -> str:
    """Returns the title of a cause; a remedy of a benchmark has none."""
    return CAUSES[cause].title if cause in CAUSES else cause.replace("_", " ")


def _remedy(
    result: Result, changes: Changes, command: Callable[[Result], str]
) -> Remedy:
    return Remedy(
        title=_title(result.comparison.cause),
        is_success=result.is_success,
        verdict=result.verdict.name,
        reason=result.verdict.reason,
        seeds=result.seeds,
        arms=_arms(result),
        agreement=_agreement(result.agreement),
        changes=changes,
        checks=tuple(report.checked(each) for each in result.checks),
        command=command(result) if result.is_success else "",
    )


def _arms(result: Result) -> tuple[ArmRow, ...]:
    gains = [result.gains.get(name) for name in result.outcomes]
    # Both intervals of all gains have one scale.
    drawn = charts.bars(
        [each.over_seeds if each else None for each in gains]
        + [each.over_images if each else None for each in gains]
    )
    count = len(gains)
    return tuple(
        _arm(name, outcomes, gain, bars)
        for (name, outcomes), gain, *bars in zip(
            result.outcomes.items(), gains, drawn[:count], drawn[count:], strict=True
        )
    )


def _arm(
    name: str, outcomes: Sequence[Outcome], gain: Gain | None, bars: list[Bar | None]
) -> ArmRow:
    diverged = sum(each.has_diverged for each in outcomes)
    title = _title(name)
    return ArmRow(
        title=f"remedy of: {title}" if name in CAUSES else title,
        mean=f"{np.mean([each.values.mean() for each in outcomes]):.1%}",
        note=f"{diverged} diverged: no image right" if diverged else "",
        over_seeds=gain.over_seeds.in_points if gain else "",
        over_images=gain.over_images.in_points if gain else "",
        bar=bars[0],
        image_bar=bars[1],
        cost=f"{sum(each.seconds for each in outcomes):.1f} s",
    )


def _agreement(agreement: Agreement | None) -> tuple[str, ...]:
    if agreement is None:
        return ()
    return (
        f"validation less test, unchanged: {agreement.before.in_points}",
        f"validation less test, with the remedy: {agreement.after.in_points}",
        f"closer, over seeds: {agreement.approach.in_points}",
    )
