"""A proof as a page of text, and as JSON; and how to train with what is proven."""

from __future__ import annotations

import dataclasses
import json
import shlex
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from framework.config import Config, experiment, flags
from framework.launch import given
from framework.prove.manipulation import Check
from framework.prove.plan import Plan
from framework.prove.proof import Result

# Of proof.json.
FORMAT = 1
_WIDTH = 88


def changes(config: Config, plan: Plan, arm: str) -> tuple[str, ...]:
    """Returns the changes of an arm as lines: flag, old and new value, quoted."""
    return tuple(
        f"{_flag(name, getattr(config, name))} -> {_flag(name, value)}"
        for name, value in plan.arms[arm].changes.items()
    )


def page(
    config: Config, plan: Plan, results: Sequence[Result], notes: Sequence[str]
) -> str:
    """Returns the proof of a run as text."""
    lines = {name: changes(config, plan, name) for name in plan.arms}
    return page_of(lines, plan, results, notes)


def page_of(
    changed: Mapping[str, Sequence[str]],
    plan: Plan,
    results: Sequence[Result],
    notes: Sequence[str],
) -> str:
    """Returns a proof as text.

    Args:
        changed: The changes of each arm, as lines.
        plan: The plan.
        results: Of the remedies, in order.
        notes: What a reader has to know.
    """
    lines = [f"plan.json has SHA-256 {plan.sha256}"]
    for note in notes:
        lines += _filled(note)
    lines += _filled(
        f"seeds {plan.seeds[0]} to {plan.seeds[-1]}, looked at after "
        f"{', '.join(map(str, plan.looks))}; intervals are 95 % over all looks and "
        f"remedies together"
    )
    for result in results:
        remedy = result.comparison.remedy
        lines += ["", *_result(changed[remedy], plan, result)]
    return "\n".join(lines) + "\n"


def _result(changed: Sequence[str], plan: Plan, result: Result) -> list[str]:
    comparison = result.comparison
    lines = [f"{comparison.cause} ({comparison.kind})"]
    lines += [f"    {line}" for line in changed]
    if result.outcomes:
        lines += ["", *_table(plan, result), ""]
    lines += [f"  {checked(each)}" for each in result.checks]
    verdict = f"verdict: {result.verdict.name}: {result.verdict.reason}"
    return [*lines, *_filled(verdict, "  ")]


def _table(plan: Plan, result: Result) -> list[str]:
    """Returns the table of arms, and the gain of the remedy over each control."""
    width = max(len(name) for name in result.outcomes)
    column = max(len(plan.metric), 8)
    lines = [f"  {'arm':{width}}  {plan.metric:>{column}}  seeds  seconds"]
    for name, outcomes in result.outcomes.items():
        mean = float(np.mean([each.values.mean() for each in outcomes]))
        seconds = sum(each.seconds for each in outcomes)
        diverged = sum(each.has_diverged for each in outcomes)
        note = f"  {diverged} diverged: no image right" if diverged else ""
        lines.append(
            f"  {name:{width}}  {100 * mean:{column - 2}.1f} %  {len(outcomes):5}  "
            f"{seconds:7.1f}{note}"
        )
    for name, gain in result.gains.items():
        lines += [
            f"  gain over {name}, at least {100 * gain.floor:.1f} asked for:",
            f"    {gain.over_seeds.in_points} over seeds",
            f"    {gain.over_images.in_points} over images",
        ]
    agreement = result.agreement
    if agreement is not None:
        lines += [
            "  validation less test:",
            f"    {agreement.before.in_points} unchanged",
            f"    {agreement.after.in_points} with the remedy",
            f"    {agreement.approach.in_points} closer, over seeds",
        ]
    return lines


def checked(check: Check) -> str:
    """Returns the result of a manipulation check in words."""
    if check.is_met is None:
        return f"not checked: {check.what}: {check.reason}"
    value = "" if check.value is None else f" = {check.value:.3g}"
    outcome = "as expected" if check.is_met else "NOT as expected"
    return f"checked: {check.what}{value}, {outcome} ({check.expected})"


def as_text(plan: Plan, results: Sequence[Result], notes: Sequence[str]) -> str:
    """Returns the text of proof.json."""
    fields = {
        "format": FORMAT,
        "plan_sha256": plan.sha256,
        "judge": plan.judge,
        "metric": plan.metric,
        "notes": list(notes),
        "remedies": [_as_json(plan, each) for each in results],
        "not_tried": [each.cause for each in plan.comparisons[len(results) :]],
    }
    return json.dumps(fields, indent=2, allow_nan=False) + "\n"


def _as_json(plan: Plan, result: Result) -> dict[str, Any]:
    agreement = result.agreement
    return {
        "cause": result.comparison.cause,
        "kind": result.comparison.kind,
        "changes": dict(plan.arms[result.comparison.remedy].changes),
        "verdict": result.verdict.name,
        "reason": result.verdict.reason,
        "seeds": result.seeds,
        "gains": {
            name: dataclasses.asdict(gain) for name, gain in result.gains.items()
        },
        "agreement": None if agreement is None else dataclasses.asdict(agreement),
        "checks": [dataclasses.asdict(each) for each in result.checks],
        "arms": [
            {
                "name": name,
                "seed": seed,
                "folder": f"{name}-{seed}",
                "value": float(outcome.values.mean()),
                "validation": outcome.validation,
                "step": outcome.step,
                "seconds": round(outcome.seconds, 1),
                "has_diverged": outcome.has_diverged,
            }
            for name, outcomes in result.outcomes.items()
            for seed, outcome in zip(plan.seeds, outcomes, strict=False)
        ],
    }


def remedied(run: Path, config: Config, plan: Plan, result: Result) -> Config:
    """Returns the config of a run with a remedy, in an unused folder beside it.

    Args:
        run: The folder of the run, which may have been moved since.
        config: Its config.
        plan: The plan.
        result: Of the remedy.
    """
    # The current folder, or that above it, has no name of its own.
    run = run.resolve() if run.name in ("", "..") else run
    number, folder = 1, run.with_name(f"{run.name}-remedied")
    while folder.exists():
        number += 1
        folder = run.with_name(f"{run.name}-remedied-{number}")
    changed = plan.arms[result.comparison.remedy].changes
    return dataclasses.replace(config, **changed, workdir=str(folder))


def how_to_train(run: Path, config: Config, changed: Config) -> tuple[str, ...]:
    """Returns the lines that train with a remedy: a command, or Python.

    Args:
        run: The folder of the run.
        config: Its config.
        changed: From `remedied`.
    """
    if given.fields(config):
        return given.call(config, changed, [*config.difference(changed), "workdir"])
    return (command(run, config, changed),)


def command(run: Path, config: Config, changed: Config) -> str:
    """Returns the command that trains with a remedy, quoted for a shell.

    Args:
        run: The folder of the run.
        config: Its config.
        changed: From `remedied`.
    """
    start = experiment.train_command(run)
    fields = [*config.difference(changed), "workdir"]
    options = [f"--{name}={getattr(changed, name)}" for name in fields]
    return flags.command([*start, f"--flagfile={run / 'flags.txt'}", *options])


def _flag(name: str, value: Any) -> str:
    return shlex.quote(f"--{name}={value}")


def _filled(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, initial_indent=indent, subsequent_indent=f"{indent}  "
    )
