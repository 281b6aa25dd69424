"""The plan of a proof, which is frozen before the first arm trains.

plan.json is the plan as canonical JSON: its SHA-256 is that of the file.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from framework import schedules
from framework.config import Config
from framework.config.durations import Duration
from framework.diagnose.core.causes import CAUSES
from framework.diagnose.core.intervention import Intervention
from framework.errors import UsageError
from framework.prove import placebo, statistics
from framework.prove.refusals import Refuse
from framework.system import atomic, claims, json_text
from framework.system.json_text import InvalidJsonError

FORMAT = 1
# The folder of a sweep, beside the arms; see `framework.prove.order`.
ORDER = "order"
# Which images judge.
TEST, HALF = "test part", "half of the validation images"
MODEL_IMPROVING, RULER_FIXING = "model-improving", "ruler-fixing"
# Seeds after which the numbers are looked at.
LOOKS = (3, 5, 10)
# The flags that tell how long a run is.
_LENGTH = {"train_for", "early_stopping"}
_RULES: Mapping[str, str] = {
    "spending": "Lan & DeMets (1983), Pocock's type; each look has its part for itself",
    "several remedies": "Holm (1979): each has its part of alpha",
    "floor": "max(1 point, 2 standard errors over seeds and images); the deviation "
    "over seeds is at least the swing of the run",
    "intervals": "paired t over seeds, BCa bootstrap over images; both must agree",
    "stop": "at the first look whose verdict is final, and at the first proven remedy",
    "futility": "a look is the last one if none after it would decide by the same mean "
    "gain and the least deviation of its 95 % interval (not binding)",
    "controls": "a certain gain over the unchanged program ends that comparison; then "
    "the placebo is trained, with its own looks: a proof needs both, so each has alpha",
    "evaluations": "at the end, unless a schedule, early stopping, a rollback or a "
    "check needs those of the run",
    "weights": "those after the last step, or their moving average with --ema",
}


@dataclasses.dataclass(frozen=True)
class Arm:
    """One way to train.

    Attributes:
        name: Of its folders: RUN/diagnosis/proof/NAME-SEED.
        changes: The fields of the run's config that it changes, besides the seed.
    """

    name: str
    changes: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Comparison:
    """A remedy and what it is compared with.

    Attributes:
        cause: The name of the cause.
        kind: "model-improving" or "ruler-fixing".
        remedy: The name of its arm.
        unchanged: That of the unchanged program with the same budget.
        placebo: That of the placebo.
    """

    cause: str
    kind: str
    remedy: str
    unchanged: str
    placebo: str


@dataclasses.dataclass(frozen=True)
class Plan:
    """All that a proof will do.

    Attributes:
        config: The fields of the run's config that its numbers depend on.
        data: What the arms train and are judged on: the number of images and digests,
            by split.
        judge: Which images judge: `TEST` or `HALF`.
        metric: Of these images; see `framework.prove.metric`.
        seeds: Of the runs, in order; each arm has the same.
        looks: The numbers of seeds after which the numbers are looked at.
        levels: The two-sided error rate of each look, for each remedy.
        placebo: The cause whose remedy is the placebo.
        arms: All arms by name.
        comparisons: The remedies, in order.
        lists: The SHA-256 of each list of images that an arm leaves out, by its path.
        refused: Why remedies cannot be trained, by cause; none that can.
        evaluate_every: Of the arms; "" for that of the run.
        swing: The standard deviation of the metric from one evaluation of the run to
            the next, beyond what the choice of the images explains.
    """

    config: Mapping[str, Any]
    data: Mapping[str, Any]
    judge: str
    metric: str
    seeds: tuple[int, ...]
    looks: tuple[int, ...]
    levels: tuple[float, ...]
    placebo: str
    arms: Mapping[str, Arm]
    comparisons: tuple[Comparison, ...]
    lists: Mapping[str, str] = dataclasses.field(default_factory=dict)
    refused: Mapping[str, str] = dataclasses.field(default_factory=dict)
    evaluate_every: str = ""
    swing: float = 0.0

    def text(self) -> str:
        """Returns the plan as canonical JSON: sorted and indented by two."""
        fields = dataclasses.asdict(self)
        fields |= {
            "format": FORMAT,
            "rules": dict(_RULES),
            "alpha": statistics.ALPHA,
            "minimum": statistics.MINIMUM,
        }
        return json.dumps(fields, indent=2, sort_keys=True, allow_nan=False) + "\n"

    @property
    def is_untouched(self) -> bool:
        """Whether the images that judge were never seen by the diagnosis."""
        return self.judge == TEST

    @property
    def sha256(self) -> str:
        """The SHA-256 of plan.json, 64 hexadecimal digits."""
        return hashlib.sha256(self.text().encode()).hexdigest()


@dataclasses.dataclass(frozen=True)
class Judge:
    """Which images judge.

    Attributes:
        images: `TEST` or `HALF`.
        metric: See `framework.prove.metric`.
        data: The number of images and the digest of each split.
        swing: See `Plan`.
    """

    images: str
    metric: str
    data: Mapping[str, Any]
    swing: float = 0.0


def make(
    config: Config,
    interventions: Mapping[str, Intervention],
    judge: Judge,
    seeds: int = LOOKS[-1],
    named: Collection[str] = (),
    refused: Mapping[str, str] | None = None,
    refuse: Refuse = lambda config: "",
) -> Plan:
    """Plans a proof.

    Args:
        config: Of the run.
        interventions: The remedies by cause, in order; each changes a flag.
        judge: Which images judge.
        seeds: The largest number of seeds; at least three.
        named: The causes that the diagnosis has named.
        refused: Why remedies cannot be trained, by cause.
        refuse: Returns why a config cannot be trained, for the placebo.

    Raises:
        UsageError: There are too few seeds, or there is no placebo.
    """
    planned, refused = looks(seeds), dict(refused or {})
    changes = {
        cause: _changes(config, change.apply(config))
        for cause, change in interventions.items()
    }
    fields = {name for each in changes.values() for name in each}
    images = judge.data["train"]["images"]
    name, other = placebo.draw(config, images, {*named, *interventions}, fields, refuse)
    arms: dict[str, Arm] = {}
    comparisons = []
    for cause, change in changes.items():
        controls = _controls(config, change, name, other)
        own, unchanged, drawn = [
            _added(arms, arm) for arm in (Arm(cause, change), *controls)
        ]
        comparisons.append(Comparison(cause, kind_of(cause), own, unchanged, drawn))
    return Plan(
        config=config.numbers(),
        data=judge.data,
        judge=judge.images,
        metric=judge.metric,
        # Not the seed of the run, by which the remedy was chosen.
        seeds=tuple((config.seed + 1 + each) % 2**32 for each in range(seeds)),
        looks=planned,
        # What cannot be trained cannot be proven either.
        levels=levels(planned, max(len(interventions) - len(refused), 1)),
        placebo=name,
        arms=arms,
        comparisons=tuple(comparisons),
        refused=refused,
        evaluate_every=_evaluations(config, arms.values()),
        swing=judge.swing,
    )


def looks(seeds: int) -> tuple[int, ...]:
    """Returns the numbers of seeds after which the numbers are looked at.

    >>> looks(4), looks(10)
    ((3, 4), (3, 5, 10))

    Raises:
        UsageError: There are too few seeds.
    """
    if seeds < LOOKS[0]:
        raise UsageError(f"seeds must be at least {LOOKS[0]}, not {seeds}")
    return (*[look for look in LOOKS if look < seeds], seeds)


def levels(looks: Sequence[int], remedies: int) -> tuple[float, ...]:
    """Returns the two-sided error rate of each look, for each of several remedies."""
    return statistics.levels(looks, statistics.holm_level(remedies))


def kind_of(cause: str) -> str:
    """Returns which proof the remedy of a cause needs.

    >>> kind_of("overfitting"), kind_of("split_leakage")
    ('model-improving', 'ruler-fixing')
    """
    known = CAUSES.get(cause)
    if known is None or known.voids_training or known.stage == "training":
        return MODEL_IMPROVING
    is_ruler = known.invalidates_accuracy or known.name == "validation_too_small"
    return RULER_FIXING if is_ruler else MODEL_IMPROVING


def freeze(plan: Plan, folder: Path) -> None:
    """Writes plan.json, unless a proof has begun by the same plan.

    Args:
        plan: The plan.
        folder: RUN/diagnosis/proof.

    Raises:
        UsageError: A proof has begun by another plan; the message has the differences.
    """
    with claims.exclusive(lock(folder)):
        _freeze(plan, folder)


def lock(folder: Path) -> Path:
    """Returns the file that processes lock which share the proof in a folder."""
    return folder / "plan.lock"


def has_begun(folder: Path) -> bool:
    """Returns whether an arm of a proof has begun to train.

    Args:
        folder: RUN/diagnosis/proof.
    """
    return any(each.is_dir() and each.name != ORDER for each in folder.iterdir())


def planned_order(folder: Path) -> list[str]:
    """Returns the causes of plan.json in order, if its proof has begun; else none.

    Args:
        folder: RUN/diagnosis/proof.
    """
    path = folder / "plan.json"
    if not path.exists() or not has_begun(folder):
        return []
    try:
        plan: dict[str, Any] = json_text.parse_object(atomic.read_bytes(path))
        return [str(each["cause"]) for each in plan["comparisons"]]
    except (InvalidJsonError, KeyError, TypeError):
        # It is refused when the plan is frozen.
        return []


def _freeze(plan: Plan, folder: Path) -> None:
    path = folder / "plan.json"
    before = atomic.read_bytes(path) if path.exists() else b""
    if before == plan.text().encode():
        return
    if has_begun(folder):
        raise UsageError(
            f"the proof in {folder} has begun by another plan; move that folder aside "
            f"to begin a new proof\n{_differences(before, plan)}"
        )
    atomic.write_text(path, plan.text())


def _changes(config: Config, changed: Config) -> dict[str, Any]:
    """Returns the fields that differ, with their new values; without the seed."""
    return {
        name: new
        for name, (_, new) in config.difference(changed).items()
        if name != "seed"
    }


def _added(arms: dict[str, Arm], arm: Arm) -> str:
    """Adds an arm, unless another one is the same; returns its name."""
    name = arm.name
    while name in arms and arms[name].changes != arm.changes:
        name += "-again"
    arms[name] = dataclasses.replace(arm, name=name)
    return name


def _controls(
    config: Config, change: Mapping[str, Any], name: str, other: Intervention
) -> tuple[Arm, Arm]:
    """Returns the unchanged program and the placebo, with the budget of a remedy.

    The budget is counted in images, and is never less than that of the run itself.
    Where the remedy is more time and nothing else, it is that of the run: with the same
    time, the unchanged program would be the remedy.
    """
    remedied = dataclasses.replace(config, **change)
    is_time = set(change) <= _LENGTH
    arms = []
    for kind, start in (
        ("unchanged", config),
        (f"placebo-{name}", other.apply(config)),
    ):
        control = start if is_time else _with_budget(start, config, remedied)
        length = "" if control.train_for == config.train_for else control.train_for
        full_name = f"{kind}-{length}" if length else kind
        arms.append(Arm(full_name, _changes(config, control)))
    unchanged, drawn = arms
    return unchanged, drawn


def _evaluations(config: Config, arms: Iterable[Arm]) -> str:
    """Returns the evaluations of arms: at the end, if no training depends on others.

    The checks of dropout compare the accuracy as trained since the evaluation before.
    """
    every = [config, *(dataclasses.replace(config, **arm.changes) for arm in arms)]
    needs = any(
        each.early_stopping
        or each.on_nonfinite == "rollback"
        or each.model != config.model
        or list(schedules.build(each.schedule).controllers())
        for each in every
    )
    return "" if needs else "100%"


def _with_budget(control: Config, config: Config, remedied: Config) -> Config:
    """Returns a control that trains for as long as the run and its remedied form."""
    fields: dict[str, Any] = {}
    longest = max((config, remedied), key=lambda each: _images(each, each.train_for))
    budget = Duration.parse(longest.train_for)
    if budget.unit:
        fields["train_for"] = longest.train_for
    else:
        images = _images(longest, longest.train_for)
        fields["train_for"] = str(-(-int(images) // control.batch_size))
    if remedied.train_for != config.train_for:
        fields["early_stopping"] = remedied.early_stopping
    return dataclasses.replace(control, **fields)


def _images(config: Config, train_for: str) -> float:
    """Returns a length in images, or in epochs: both forms have one unit."""
    duration = Duration.parse(train_for)
    return duration.value * (1 if duration.unit else config.batch_size)


def _differences(before: bytes, plan: Plan) -> str:
    """Returns a line for each value that differs from an earlier plan.json."""
    try:
        old = _flat("", json_text.parse_object(before))
    except InvalidJsonError:
        return f"    plan.json is damaged; this plan has SHA-256 {plan.sha256}"
    new = _flat("", json.loads(plan.text()))
    return "\n".join(
        f"    {name}: {old.get(name, 'none')} -> {new.get(name, 'none')}"
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    )


def _flat(name: str, value: Any) -> dict[str, Any]:
    """Returns the values inside a JSON object by their paths, such as "arms.a.name"."""
    if not isinstance(value, dict):
        return {name: value}
    result: dict[str, Any] = {}
    for key, each in value.items():
        result |= _flat(f"{name}.{key}".lstrip("."), each)
    return result
