"""Finds the remedies that cannot be trained, before the plan of a proof is made."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path

from framework.config import Config
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import NotApplicableError
from framework.errors import RunError, UsageError
from framework.launch import components, sources, trust
from framework.launch import given as given_lib

# Returns why a config cannot be trained; "" if it can.
Refuse = Callable[[Config], str]


class RefusedError(RunError):
    """An arm cannot be trained.

    Args:
        arm: Its name.
        reason: Why not.
    """

    def __init__(self, arm: str, reason: str):
        super().__init__(f"{arm} cannot be trained: {reason}")
        self.arm, self.reason = arm, reason


def find(
    config: Config, interventions: Mapping[str, Intervention], refuse: Refuse
) -> dict[str, str]:
    """Returns why remedies cannot be trained, by cause; none that can.

    Args:
        config: Of the run.
        interventions: The remedies by cause.
        refuse: Returns why a config cannot be trained.

    Raises:
        UsageError: A remedy names code that the run does not.
    """
    reasons = {}
    for cause, change in interventions.items():
        changed = change.apply(config)
        _check_code(config, changed, cause)
        reasons[cause] = refuse(changed)
    return {cause: reason for cause, reason in reasons.items() if reason}


def refusal(given: given_lib.Given, changed: Config) -> str:
    """Builds the components of a config, as training does; returns why it cannot.

    Args:
        given: What the arms train and are judged on, and the model, where it was given
            in Python.
        changed: The config, whose workdir is that of the run.

    Returns:
        The message of the error; "" if there is none.
    """
    alone = dataclasses.replace(
        changed,
        # The data set has its test part already.
        test="",
        # Images need not be read, nor the servers of another division asked for them.
        input="stream",
        strategy="default",
        devices=0,
        # What is recorded in the folder of the run is not of this config; but the
        # files that the run was started with are.
        fresh=False,
        workdir=str(Path(changed.workdir) / sources.DIAGNOSIS / "refused"),
    )
    try:
        components.build(alone, given.builder, given.dataset, lambda done, total: None)
    except (UsageError, RunError, NotApplicableError) as problem:
        return str(problem)
    return ""


def _check_code(config: Config, changed: Config, cause: str) -> None:
    """Checks that a remedy names no code that the run does not.

    Raises:
        UsageError: It does; diagnosis.json must have been changed.
    """
    names = given_lib.fields(config)
    known = set(trust.actions(config, {}, names))
    added = sorted(set(trust.actions(changed, {}, names)) - known)
    if added:
        raise UsageError(f"the remedy of {cause} would {', '.join(added)}")
