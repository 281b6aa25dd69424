"""Proves remedies of a run in RUN/diagnosis/proof."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

from framework.config import Config
from framework.data import exclusion, fingerprint
from framework.data import record as data_record
from framework.data.dataset import Dataset
from framework.data.record import DataRecord
from framework.data.stratify import stratified_split
from framework.diagnose import workspace
from framework.diagnose.core import control
from framework.diagnose.core.intervention import Intervention
from framework.errors import UsageError
from framework.launch import given as given_lib
from framework.launch import openings, run_folder
from framework.launch.given import NOTHING, Given
from framework.launch.openings import Opening
from framework.launch.rebuild import rebuild
from framework.prove import manipulation, metric, order, refusals, report
from framework.prove import page as page_lib
from framework.prove import plan as plan_lib
from framework.prove.inputs import Images
from framework.prove.plan import Comparison, Judge, Plan
from framework.prove.proof import Result, prove
from framework.prove.run_arms import Arms
from framework.report import predictions as predictions_lib
from framework.system import atomic, claims

# Not 0: other divisions of the same images begin with it.
_HALF_SEED = 30_011
# Causes of which validation images are of another kind than training images.
_OF_OTHER_IMAGES = {"distribution_shift"}
# In the record of openings of the test part.
_COMMAND = "remedy"


@dataclasses.dataclass(frozen=True, eq=False)
class Proof:
    """A plan, and what it has come to.

    Attributes:
        config: Of the run.
        folder: RUN/diagnosis/proof.
        plan: The plan.
        notes: What a reader has to know, such as which images judge.
        results: Of the remedies, in order; none before it has begun.
    """

    config: Config
    folder: Path
    plan: Plan
    notes: tuple[str, ...]
    results: tuple[Result, ...] = ()

    @property
    def proven(self) -> Result | None:
        """The remedy that is proven; None if none is."""
        return next((each for each in self.results if each.is_success), None)


def prove_run(
    workdir: str,
    interventions: Mapping[str, Intervention],
    named: Collection[str] = (),
    seeds: int = plan_lib.LOOKS[-1],
    plan_only: bool = False,
    trust_run: bool = False,
    progress: Callable[[str], None] = lambda line: None,
    given: Given = NOTHING,
) -> Proof:
    """Proves remedies of a run, in order, up to the first that is proven.

    Only RUN/diagnosis is written to. The same call resumes a proof; at the same time in
    another process, it takes a share of the runs.

    Args:
        workdir: The folder of the run.
        interventions: The remedies by cause, in order; each changes a flag.
        named: All causes that the diagnosis has named: no placebo is one of them.
        seeds: The largest number of seeds.
        plan_only: Whether to train nothing, and to write nothing but plan.json.
        trust_run: Whether what the run names may be executed; see
            `framework.launch.trust`.
        progress: Called with a line about each training.
        given: The model and the data set, where these were given in Python.

    Raises:
        UsageError: There is no run, or one that cannot be trained by its flags and what
            is given; its data have changed; or a proof has begun by another plan.
        RunError: The folder cannot be written to, or training fails.
        Stopped: A signal requested to stop; the same call resumes.
    """
    run = Path(workdir)
    config = dataclasses.replace(run_folder.read_config(run), workdir=str(run))
    check_given(run, config, given)
    built_config, built = rebuild(
        run,
        config,
        given.builder,
        given.dataset,
        allow_data_change=True,
        trust_run=trust_run,
    )
    _check_data(run, built.data_record(built_config))
    dataset, images = _judged(built.examples.dataset, interventions)
    name, note = metric.judged(config.monitor)
    swing = _swing(run, name, dataset.class_names)
    judge = Judge(images, name, _described(dataset), swing)

    tried = dataclasses.replace(given, dataset=dataset)
    refuse = functools.cache(functools.partial(refusals.refusal, tried))
    refused = refusals.find(config, interventions, refuse)
    tryable = {
        cause: change for cause, change in interventions.items() if cause not in refused
    }

    def planned(ordered: Mapping[str, Intervention]) -> Plan:
        # What cannot be tried comes first: it costs nothing.
        every = {cause: interventions[cause] for cause in (*refused, *ordered)}
        return plan_lib.make(config, every, judge, seeds, named, refused, refuse)

    lists = _lists(config, planned(tryable))
    # Other processes may share the proof.
    with workspace.opened(run, is_shared=True) as place:
        if place.problem:
            raise UsageError(f"{run / 'diagnosis'} cannot be written: {place.problem}")
        folder = place.folder / "proof"
        _make(folder)
        parts = tried if images == plan_lib.HALF else given
        ordered = order.ordered(config, tryable, parts, folder, progress, plan_only)
        plan = dataclasses.replace(planned(ordered), lists=lists)
        plan_lib.freeze(plan, folder)
        notes = (_about_images(plan, run), *filter(None, [note]))
        proof = Proof(config, folder, plan, notes)
        if plan_only:
            return proof
        arms = Arms(plan, config, dataset, parts, folder, progress)
        if plan.is_untouched:
            openings.prepare(run)
        looked = functools.partial(_record, run, folder, plan)
        sample = functools.cache(functools.partial(Images.of, dataset))
        checked = functools.partial(_check, config, plan, sample)
        results = prove(plan, arms, checked, looked)
        proof = dataclasses.replace(proof, results=tuple(results))
        _write(proof)
        page_lib.write(place.folder, run, proof)
    return proof


def _write(proof: Proof) -> None:
    """Writes proof.json and proof.txt."""
    about = proof.plan, proof.results, proof.notes
    atomic.write_text(proof.folder / "proof.json", report.as_text(*about))
    atomic.write_text(proof.folder / "proof.txt", report.page(proof.config, *about))


def check_given(run: Path, config: Config, given: Given) -> None:
    """Checks that what a run was given in Python is at hand.

    Args:
        run: The folder of the run.
        config: Its config.
        given: What is at hand.

    Raises:
        UsageError: Something is missing.
    """
    names = given_lib.fields(config)
    missing = [name for name in names if name not in given.names]
    if missing:
        arguments = "".join(f", {name}={name}" for name in names)
        raise UsageError(
            f"the {' and the '.join(missing)} of the run in {run} was given in Python; "
            f"prove it there, by run(config{arguments}).remedy(): it resumes the run, "
            f"which is finished, and has what it was given"
        )


def _check_data(run: Path, now: DataRecord) -> None:
    """Raises UsageError if the data are not those that the run was trained on."""
    before = data_record.read(run)
    lines = before.difference(now) if before else []
    if lines:
        listed = "\n".join(f"    {line}" for line in lines)
        raise UsageError(
            f"the data are not those of the run in {run}; restore them, or train it "
            f"again\n{listed}"
        )


def _judged(dataset: Dataset, causes: Collection[str]) -> tuple[Dataset, str]:
    """Returns a data set whose test part judges, and which images these are.

    Args:
        dataset: Of the run.
        causes: Those whose remedies are proven.
    """
    # Where images of validation are of another kind than those of training, a part of
    # the latter would judge by images that the remedy is not for.
    is_of_kind = not (dataset.is_test_drawn and _OF_OTHER_IMAGES & set(causes))
    if dataset.test is not None and is_of_kind:
        dataset.check_test()
        return dataset, plan_lib.TEST
    split = dataset.validation
    rest, half = stratified_split(split.labels, 0.5, _HALF_SEED, split.groups)
    if not len(half):
        raise UsageError(
            f"{dataset.name} has neither a test part nor two validation images of a "
            f"class: nothing can judge; train with --test=10%"
        )
    halves = dataclasses.replace(
        dataset,
        validation=split.take(rest),
        test=split.take(half),
        is_test_drawn=False,
        notes=(),
    )
    return halves, plan_lib.HALF


def _swing(run: Path, name: str, class_names: Sequence[str]) -> float:
    """Returns the swing of the last evaluations of a run, of the metric that judges."""
    evaluations = predictions_lib.read_all(run / "predictions").values()
    curve = [metric.values(name, each, class_names) for each in evaluations]
    # More digits are noise, by which another machine would have another plan.
    return round(control.swing(curve), 6)


def _described(dataset: Dataset) -> dict[str, object]:
    """Returns the number of images and the digest of each split, as in data.json."""
    splits = {"train": dataset.train, "validation": dataset.validation}
    if dataset.test is not None:
        splits["test"] = dataset.test
    return {
        name: fingerprint.describe(split, dataset.num_classes)
        for name, split in splits.items()
    }


def _lists(config: Config, plan: Plan) -> dict[str, str]:
    """Returns the SHA-256 of each list of images that an arm leaves out, by its path.

    Raises:
        UsageError: One cannot be read.
    """
    untried = {each.remedy for each in plan.comparisons if each.cause in plan.refused}
    values = (
        arm.changes.get("exclude", config.exclude)
        for name, arm in plan.arms.items()
        if name not in untried
    )
    files = sorted({file for value in values for file in exclusion.split(value)})
    return {file: exclusion.sha256(file) for file in files}


def _make(folder: Path) -> None:
    """Makes the folder of the proof."""
    # A link could lead to anything of this user's.
    if folder.is_symlink():
        raise UsageError(f"{folder} is a symbolic link; delete it")
    folder.mkdir(exist_ok=True)


def _about_images(plan: Plan, run: Path) -> str:
    """Returns which images judge, and who has seen them, in a sentence."""
    count = plan.data["test"]["images"]
    if not plan.is_untouched:
        why = "no test part"
        instead = "--test=10% in a new run has an untouched part"
        if plan.config.get("test"):
            why = "the test part is of training images, which are of another kind"
            instead = "a test part of the kind of validation images is untouched"
        return (
            f"{why}: judged on {count:,} validation images, half of them, drawn "
            f"by a fixed seed; the diagnosis has seen them, no training of the proof "
            f"does; {instead}"
        )
    looks = [_is_look(each, plan) for each in openings.read(run)]
    # What is opened after the first look of this proof cannot have led to it.
    before = looks.index(True) if True in looks else len(looks)
    seen = f"opened {before} time(s) before" if before else "opened for the first time"
    return f"judged on the {count:,} test images, {seen}"


def _record(run: Path, folder: Path, plan: Plan, result: Result) -> None:
    """Records that the test part was opened; once, however often a proof resumes."""
    remedy = result.comparison.remedy
    counts = (f"{name} {len(each)}" for name, each in result.outcomes.items())
    weights = f"{_arms_of(plan)}, seeds: {', '.join(counts)}"
    # Of several processes, one records it.
    with claims.exclusive(plan_lib.lock(folder)):
        looks = [each for each in openings.read(run) if _is_look(each, plan)]
        if not plan.is_untouched or any(each["weights"] == weights for each in looks):
            return
        outcomes = result.outcomes[remedy]
        openings.record(
            run,
            Opening(
                command=_COMMAND,
                step=outcomes[-1].step,
                weights=weights,
                accuracy=float(np.mean([each.values.mean() for each in outcomes])),
                images=plan.data["test"]["images"],
                digest=plan.data["test"]["digest"],
            ),
        )


def _arms_of(plan: Plan) -> str:
    return f"the arms of plan {plan.sha256[:12]}"


def _is_look(opening: Mapping[str, object], plan: Plan) -> bool:
    """Returns whether an opening is a look of the proof by a plan."""
    weights = str(opening.get("weights"))
    return opening.get("command") == _COMMAND and weights.startswith(_arms_of(plan))


def _check(
    config: Config,
    plan: Plan,
    sample: Callable[[], Images],
    comparison: Comparison,
    remedied: Sequence[Path],
    unchanged: Sequence[Path],
) -> tuple[manipulation.Check, ...]:
    changes = plan.arms[comparison.remedy].changes
    is_of_images = {"augment", "normalize"} & set(changes)
    images = sample() if is_of_images else None
    return manipulation.check(
        config, changes, remedied, unchanged, comparison.cause, images
    )
