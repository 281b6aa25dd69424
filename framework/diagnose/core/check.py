"""A check of one cause, and the way from its suspicion to a finding."""

from __future__ import annotations

import abc
import dataclasses
import enum
import os
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import numpy as np

from framework.config import Config
from framework.data import exclusion
from framework.diagnose.core.causes import CAUSES, Cause
from framework.diagnose.core.decision import Decision
from framework.diagnose.core.finding import Evidence, Finding, ImageList, Remedy
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import (
    Measurements,
    Unavailable,
    UnavailableError,
)
from framework.diagnose.core.trials import Trials
from framework.numerics.intervals import Estimate


class Phase(enum.IntEnum):
    """When a check is run; within a phase in the order of `CAUSES`."""

    # How accuracy is measured: the metric, and which weights are evaluated.
    EVALUATION = 0
    # The data: unusable labels, then causes without a trial, then those with one.
    DATA = 1
    # The updates of single steps: their variables, scale and learning rate.
    UPDATES = 2
    # Training: earlier causes can explain later ones.
    TRAINING = 3
    # Consequences of a high learning rate (dead units), and a low learning rate.
    STEPS = 4
    # Causes whose trials take the rest of the budget.
    LAST = 5


@dataclasses.dataclass(frozen=True, eq=False)
class Suspicion:
    """Evidence for a cause, which a trial may have to decide.

    Attributes:
        message: The evidence, in a sentence.
        evidence: The numbers that support it.
        advice: What to do, in words.
        refute: How to refute it.
        intervention: The change that would fix it; None if only a person can.
        code: The fix as lines of Python, where there is no intervention.
        is_certain: Whether the measurements decide already.
        cost: How much accuracy it costs; None if that is not known.
        images: Finds the training images to leave out, once the cause is not falsified;
            None if there are none.
        void_images: Validation images on which no gain counts unless the cause is
            falsified, such as copies of training images: bool [N]; None for none.
    """

    message: str
    evidence: tuple[Evidence, ...]
    advice: str
    refute: str
    intervention: Intervention | None = None
    code: tuple[str, ...] = ()
    is_certain: bool = False
    cost: Estimate | None = None
    images: Callable[[], ImageList | None] | None = None
    void_images: np.ndarray | None = None


# Why a check does not apply to images with several labels.
SEVERAL_LABELS = "several labels per example"


@dataclasses.dataclass(frozen=True)
class Check(abc.ABC):
    """Looks for one cause. Thresholds are the fields of its subclasses.

    Attributes:
        cause_name: That of the cause.
        phase: When it is run.
        inflates_accuracy: Whether the cause makes accuracy look better than it is: then
            it is decided where no errors are left as well, and its cost is what is
            shown too much, not what is gained.
        takes_several_labels: Whether it applies to images that may have several labels.
            No check does so far: all compare predicted classes, or accuracy of trials.
    """

    cause_name: ClassVar[str]
    phase: ClassVar[Phase]
    inflates_accuracy: ClassVar[bool] = False
    takes_several_labels: ClassVar[bool] = False

    @property
    def cause(self) -> Cause:
        """The cause that it looks for."""
        return CAUSES[self.cause_name]

    @abc.abstractmethod
    def suspect(self, measured: Measurements) -> Suspicion | None:
        """Returns a suspicion if the measurements support the cause, else None.

        Raises:
            UnavailableError: A measurement that it needs is not available.
        """

    def decide(
        self, suspicion: Suspicion, measured: Measurements, trials: Trials
    ) -> Decision:
        """Decides a suspicion that is not certain, by a trial of its intervention."""
        del measured
        if suspicion.intervention is None:
            return Decision("suspected")
        return trials.run(self.cause.name, suspicion.intervention)

    def has_decided(self, trials: Trials) -> bool:
        """Returns whether the trials that decide have been run for another cause."""
        del trials
        return False


def not_applicable(check: Check, has_several_labels: bool) -> Unavailable | None:
    """Returns why a check does not apply to the labels; None if it does.

    Args:
        check: The check.
        has_several_labels: Whether images may have several labels.
    """
    if check.takes_several_labels or not has_several_labels:
        return None
    return Unavailable(check.cause.name, SEVERAL_LABELS, is_failure=False)


def examine(
    check: Check, measured: Measurements, trials: Trials
) -> Finding | Unavailable | None:
    """Runs a check, and decides its suspicion.

    Returns:
        None if there is nothing to report; `Unavailable` if the check could not judge.
    """
    suspicion = suspect(check, measured)
    if not isinstance(suspicion, Suspicion):
        return suspicion
    return conclude(check, suspicion, measured, trials)


def suspect(check: Check, measured: Measurements) -> Suspicion | Unavailable | None:
    """Returns the suspicion of a check; None if there is none.

    Returns:
        `Unavailable` if the check could not judge.
    """
    if any(name in measured.confirmed for name in check.cause.explained_by):
        return None
    try:
        return check.suspect(measured)
    except UnavailableError as problem:
        return problem.unavailable


def conclude(
    check: Check, suspicion: Suspicion, measured: Measurements, trials: Trials
) -> Finding | None:
    """Decides a suspicion; returns None if there is nothing to report.

    Args:
        check: Whose suspicion it is.
        suspicion: To be decided.
        measured: The measurements it comes from.
        trials: Runs the trials.
    """
    decision = _decided(check, suspicion, measured, trials)
    if decision is None:
        return None
    if decision.status == "confirmed":
        measured.confirmed.add(check.cause.name)
    if decision.status != "falsified" and suspicion.void_images is not None:
        # What may have been trained on confirms nothing, whether it is certain or not.
        measured.void = max(measured.void, float(np.mean(suspicion.void_images)))
        trials.leave_out(suspicion.void_images)
    return Finding(
        cause=check.cause,
        status=decision.status,
        message=suspicion.message,
        evidence=(*suspicion.evidence, *decision.evidence),
        remedy=_remedy(check.cause, suspicion, decision, measured),
        refute=suspicion.refute,
        cost=decision.cost,
        cost_kind="inflation" if check.inflates_accuracy else "gain",
    )


def _decided(
    check: Check, suspicion: Suspicion, measured: Measurements, trials: Trials
) -> Decision | None:
    name = check.cause.name
    if suspicion.is_certain:
        applied = Decision("confirmed")
        if suspicion.intervention is not None:
            applied = trials.apply(name, suspicion.intervention)
        return dataclasses.replace(applied, cost=suspicion.cost or applied.cost)
    needs_errors = not (check.inflates_accuracy or check.has_decided(trials))
    if trials.is_done and needs_errors:
        return None
    decision = check.decide(suspicion, measured, trials)
    return dataclasses.replace(decision, cost=decision.cost or suspicion.cost)


def _remedy(
    cause: Cause,
    suspicion: Suspicion,
    decision: Decision,
    measured: Measurements,
) -> Remedy:
    # What was tried is what is printed.
    intervention = decision.intervention or suspicion.intervention
    settings, images = measured.settings, None
    flags: tuple[str, ...] = ()
    code = suspicion.code
    if suspicion.images is not None and decision.status != "falsified":
        images = suspicion.images()
    if images is not None and settings.config is not None:
        images, listed = _listed(images, settings.config)
        intervention = (intervention or Intervention()) | listed
    elif images is not None:
        # No file is written for a Keras program.
        code = (
            f"rows = diagnosis.excluded({cause.name!r})  # diagnosis = explain(...)",
            "x_train = np.delete(x_train, rows, axis=0)",
            "y_train = np.delete(y_train, rows, axis=0)",
            *code,
        )
    if intervention is not None:
        if settings.config is not None:
            flags = intervention.flags(settings.config)
        code = (*intervention.code(settings), *code)
    return Remedy(suspicion.advice, flags, code, intervention, images)


def _listed(images: ImageList, config: Config) -> tuple[ImageList, Intervention]:
    """Returns the list with the name of its file, and how to leave its images out.

    Args:
        images: The list.
        config: Of the run. Its own lists are not overwritten: it depends on them.
    """
    folder, own = Path(config.workdir, "diagnosis"), exclusion.split(config.exclude)
    used = {os.path.normpath(each) for each in own}
    name, number = images.name, 1
    while (path := str(folder / f"{name}.csv")) in used:
        number += 1
        name = f"{images.name}-{number}"
    # A comma separates the values of the flag.
    listed = Intervention(exclude=() if "," in path else (path,))
    return dataclasses.replace(images, name=name), listed
