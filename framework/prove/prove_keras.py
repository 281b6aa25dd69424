"""Proves remedies of a Keras program, after `explain`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from framework.data import fingerprint
from framework.data.split import Split
from framework.data.stratify import stratified_split
from framework.diagnose.core import control
from framework.diagnose.core.context import DiagnosisContext
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.programs.keras_program import KerasProgram
from framework.diagnose.report.diagnosis import Diagnosis
from framework.errors import RunError, UsageError
from framework.numerics import labels as labels_lib
from framework.prove import keras_checks, keras_plan, page, report
from framework.prove import plan as plan_lib
from framework.prove.keras_arms import KerasArms
from framework.prove.manipulation import Check
from framework.prove.plan import Comparison, Plan
from framework.prove.proof import Result, prove
from framework.system import atomic, paths

# Not 0: other divisions of the same images begin with it.
_HALF_SEED = 30_011


@dataclasses.dataclass(frozen=True, eq=False)
class KerasProof:
    """The result of a proof; print it to read it.

    Attributes:
        plan: The plan; None if there was nothing to prove.
        results: Of the remedies, in order.
        notes: What a reader has to know, such as which images judge.
        code: The change of each arm, as lines of Python.
        folder: Where it is kept; None for memory only.
    """

    plan: Plan | None
    results: tuple[Result, ...]
    notes: tuple[str, ...]
    code: Mapping[str, tuple[str, ...]]
    folder: Path | None

    @property
    def proven(self) -> Result | None:
        """The remedy that is proven; None if none is."""
        return next((each for each in self.results if each.is_success), None)

    def __str__(self) -> str:
        if self.plan is None:
            return "\n".join(self.notes) + "\n"
        text = report.page_of(self.code, self.plan, self.results, self.notes)
        where = "" if self.folder is None else f"\nthe proof is in {self.folder}\n"
        return text + where

    def __repr__(self) -> str:
        summary = ", ".join(
            f"{each.comparison.cause}: {each.verdict.name}" for each in self.results
        )
        return f"<KerasProof of {summary or 'nothing'}; print it to read it>"


def prove_keras(
    diagnosis: Diagnosis,
    folder: str | Path | None = None,
    seeds: int = plan_lib.LOOKS[-1],
    progress: Callable[[str], None] = lambda line: None,
) -> KerasProof:
    """Proves the remedies of a diagnosis in order, up to the first that is proven.

    Args:
        diagnosis: From `explain`.
        folder: Where to keep the proof; None for memory only.
        seeds: The largest number of seeds.
        progress: Called with a line about each training.

    Raises:
        UsageError: The diagnosis is of a run, there are too few seeds, there is no
            placebo, nothing can judge, or the folder has another proof.
        RunError: An arm cannot be trained.
    """
    context = diagnosis.context
    program = context.program
    if not isinstance(program, KerasProgram):
        raise UsageError("this diagnosis is of a run: prove it by `whyflat remedy RUN`")
    interventions, notes = _interventions(diagnosis)
    plan_lib.looks(seeds)
    if not interventions:
        nothing = "no confirmed cause has a remedy to train with: nothing to prove"
        return KerasProof(None, (), (*notes, nothing), {}, None)
    splits, images = _judged(context, program)
    data = {
        name: fingerprint.describe(split, context.num_classes)
        for name, split in splits.items()
    }
    named = [each.cause.name for each in diagnosis.findings]
    judge = keras_plan.judge(images, data, control.swing_at_end(context))
    plan, trainings = keras_plan.make(
        context, program, interventions, judge, seeds, named
    )
    place = _frozen(plan, folder)
    notes = (_about_images(plan), *_about_seeds(program), *notes)
    arms = KerasArms(plan, trainings, program, splits, place, progress)

    def check(comparison: Comparison, *_: Sequence[Path]) -> tuple[Check, ...]:
        return keras_checks.check(context, program, trainings[comparison.remedy])

    results = tuple(prove(plan, arms, check))
    code = {
        name: each.intervention.code(context.settings)
        for name, each in trainings.items()
    }
    proof = KerasProof(plan, results, notes, code, place)
    diagnosis.slots.update(_slots(proof, plan))
    if place is not None:
        text = report.as_text(plan, results, notes)
        atomic.write_text(place / "proof.json", text)
        atomic.write_text(place / "proof.txt", str(proof))
    return proof


def _slots(proof: KerasProof, plan: Plan) -> dict[str, str]:
    """Returns a proof as HTML, for the page of the diagnosis."""

    def changes(arm: str) -> page.Changes:
        return tuple(("", line) for line in proof.code[arm])

    return page.texts(plan, proof.results, proof.notes, changes, lambda _: "")


def _interventions(
    diagnosis: Diagnosis,
) -> tuple[dict[str, Intervention], tuple[str, ...]]:
    """Returns the remedies to train with, by cause, and a line for each other cause."""
    result, notes = {}, []
    for each in diagnosis.confirmed:
        change = each.remedy.intervention
        if change is None or not change.differences():
            notes.append(
                f"{each.cause.name}: there is nothing to train with; what to do: "
                f"{each.remedy.text}"
            )
        else:
            result[each.cause.name] = change
    return result, tuple(notes)


def _judged(
    context: DiagnosisContext, program: KerasProgram
) -> tuple[dict[str, Split], str]:
    """Returns the splits by name, and which images judge: those of "test".

    Raises:
        UsageError: There are no such images, or those given cannot be used.
    """
    validation, train = context.validation, program.training_data()
    splits = {"train": Split(train[0], _labels(train[1], context.num_classes))}
    if program.test is not None:
        x, y = program.test.opened()
        test = Split(x, _labels(y, context.num_classes))
        return splits | {"validation": validation, "test": test}, plan_lib.TEST
    rest, half = stratified_split(validation.labels, 0.5, _HALF_SEED)
    if not len(half):
        raise UsageError(
            "there are no two validation images of a class, so nothing can judge; give "
            "explain(..., test=(x, y))"
        )
    halves = {"validation": validation.take(rest), "test": validation.take(half)}
    return splits | halves, plan_lib.HALF


def _labels(y: np.ndarray, num_classes: int) -> np.ndarray:
    """Returns classes, int32 [N]; those that are none are counted as the nearest."""
    classes: np.ndarray = np.clip(labels_lib.classes(y), 0, num_classes - 1)
    return classes.astype(np.int32)


def _frozen(plan: Plan, folder: str | Path | None) -> Path | None:
    """Writes the plan into a folder, if one is given; returns that.

    Raises:
        UsageError: The folder has another proof, or something else.
        RunError: It cannot be written to.
    """
    if folder is None:
        return None
    place = Path(paths.expand(str(folder), "folder"))
    try:
        place.mkdir(parents=True, exist_ok=True)
        others = [each.name for each in place.iterdir()]
    except OSError as problem:
        raise RunError(f"{place} cannot be used: {problem.strerror}") from problem
    if others and not (place / "plan.json").exists():
        raise UsageError(f"{place} is not empty, and not a proof; give another folder")
    plan_lib.freeze(plan, place)
    return place


def _about_images(plan: Plan) -> str:
    count = plan.data["test"]["images"]
    if plan.is_untouched:
        return f"judged on the {count:,} images of test, which the diagnosis never saw"
    return (
        f"no test part: judged on {count:,} validation images, half of them, drawn by "
        f"a fixed seed; the diagnosis has seen them, no training does; explain(..., "
        f"test=(x, y)) has an untouched part"
    )


def _about_seeds(program: KerasProgram) -> tuple[str, ...]:
    """Returns a line if seeds do not have initial weights of their own."""
    if program.drawable_weights():
        return ()
    return (
        "the initial weights are those of the program with every seed: they were "
        "trained before, or set; seeds differ in order, augmentation and dropout only",
    )
