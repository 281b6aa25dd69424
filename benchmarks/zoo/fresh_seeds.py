"""Trains a remedy and the unchanged run again, with seeds of their own."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from framework.launch import run_folder
from framework.launch.given import NOTHING
from framework.launch.rebuild import rebuild
from framework.prove import statistics
from framework.prove.plan import Arm, Comparison, Plan
from framework.prove.run_arms import Arms
from framework.prove.statistics import Gain


def gain(run: Path, cause: str, seeds: Sequence[int]) -> Gain:
    """Returns the gain of a proven remedy with other seeds, on the same test part.

    The arms are kept in RUN/fresh; the same call resumes there.

    Args:
        run: The folder of a run with a finished proof, judged on a test part.
        cause: The cause whose remedy was proven.
        seeds: Those to train with.
    """
    config = run_folder.read_config(run)
    plan = _plan(run / "diagnosis" / "proof" / "plan.json", seeds)
    _, built = rebuild(run, config, trust_run=True)
    (comparison,) = (each for each in plan.comparisons if each.cause == cause)
    folder = run / "fresh"
    folder.mkdir(exist_ok=True)
    arms = Arms(plan, config, built.examples.dataset, NOTHING, folder, lambda _: None)
    names = comparison.remedy, comparison.unchanged
    arms.train([(name, seed) for seed in seeds for name in names])
    remedied, unchanged = (
        np.array([arms.outcome(name, seed).values for seed in seeds]) for name in names
    )
    return statistics.paired_gain(remedied, unchanged, statistics.ALPHA)


def _plan(path: Path, seeds: Sequence[int]) -> Plan:
    """Returns the plan of a proof with other seeds."""
    fields = json.loads(path.read_text())
    values = {each.name: fields[each.name] for each in dataclasses.fields(Plan)}
    values |= {
        "seeds": tuple(seeds),
        "arms": {name: Arm(**arm) for name, arm in fields["arms"].items()},
        "comparisons": tuple(Comparison(**each) for each in fields["comparisons"]),
    }
    return Plan(**values)
