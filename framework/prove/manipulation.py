"""Manipulation checks: whether a change has changed what it should.

A remedy can be without effect unnoticed, such as a lower rate that a schedule undoes.
It is compared with the unchanged program, of the same seeds, by what both have
recorded, and by what it does to the images. Each field of a config that a remedy can
change has a check in `_CHECKS`; causes whose remedy has a consequence that does not
depend on how it is brought about are in `_CONSEQUENCES`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from framework.config import Config, spec
from framework.data.record import DataRecord
from framework.diagnose.core import model_spec
from framework.diagnose.core.measurement import NotApplicableError
from framework.launch import run_folder
from framework.prove import inputs
from framework.prove.inputs import Images
from framework.prove.pair import Pair
from framework.report import events, tags
from framework.report import predictions as predictions_lib

# Of the expected change, on a logarithmic scale: gradients differ after the first step.
_PART = 0.5
# Gradients that differ by more than this factor are those of two different states.
_PARTED = 2.0
# The level of the test whether the splits differ, as in the diagnosis.
_LEVEL = 0.05
_GRADIENT_NORM = tags.logged("gradient_norm").name
_TOO_SHORT = "no step was measured: --log_every is longer than the run"
_NO_EVALUATION = "a run has no evaluation"


@dataclasses.dataclass(frozen=True)
class Check:
    """One manipulation check.

    Attributes:
        what: What was measured.
        value: With the remedy, or relative to the unchanged program; None if that was
            not possible.
        expected: In words.
        is_met: Whether it is as expected; None if it was not measured.
        reason: Why it was not measured; "" if it was.
    """

    what: str
    value: float | None
    expected: str
    is_met: bool | None
    reason: str = ""


def check(
    config: Config,
    changes: Mapping[str, Any],
    remedied: Sequence[Path],
    unchanged: Sequence[Path],
    cause: str = "",
    images: Images | None = None,
) -> tuple[Check, ...]:
    """Checks what a remedy has changed.

    Args:
        config: Of the run.
        changes: The fields that the remedy changes, with their new values.
        remedied: The folders of the finished arms with the remedy, by seed.
        unchanged: Those of the unchanged program, with the same seeds.
        cause: The cause that the remedy is for.
        images: A sample of the images.
    """
    changed = dataclasses.replace(config, **changes)
    pair = Pair(config, changed, remedied, unchanged, images)
    checks = [_recorded(changes, remedied[0])]
    for name, measure in _CHECKS.items():
        if name in changes:
            checks += measure(pair)
    if cause in _CONSEQUENCES:
        checks.append(_CONSEQUENCES[cause](pair))
    return tuple(checks)


def _recorded(changes: Mapping[str, Any], remedied: Path) -> Check:
    """Returns whether the arm was run with the changes."""
    actual = run_folder.read_config(remedied)
    is_met = all(getattr(actual, name) == value for name, value in changes.items())
    return Check("config.json of the arm", None, "has the changes", is_met)


def of_ratio(
    factor: float, ratio: float | None, reason: str, what: str = "ratio of update_norm"
) -> Check:
    """Compares the ratio of a number with that of what was changed.

    >>> of_ratio(10.0, 9.0, "").is_met, of_ratio(10.0, 1.1, "").is_met
    (True, False)

    Args:
        factor: The expected ratio.
        ratio: The actual one; None if it was not measured.
        reason: Why not.
        what: What was measured.
    """
    expected = f"{factor:.3g}, or half of it in logarithms"
    if ratio is None or not 0 < ratio < math.inf:
        return Check(what, None, expected, None, reason or "there was no update")
    is_met = math.log(ratio) / math.log(factor) >= _PART
    return Check(what, ratio, expected, is_met)


def of_pixels(images: Images, before: str, after: str) -> list[Check]:
    """Measures an augmentation on images, as `--augment` or a Keras program has it.

    Args:
        images: A sample of them.
        before: The spec of the unchanged program.
        after: That of the remedy.
    """
    old, new = (inputs.pixel_change(images.train, each) for each in (before, after))
    checks = [
        directed(
            "mean change of pixels by augmentation, in standard deviations",
            new,
            old,
            -1 if not after else 1 if not before else 0,
        )
    ]
    try:
        apart, p = inputs.told_apart(images, before)
        # Of images that do not differ, augmented ones do.
        if p < _LEVEL and after:
            area, _ = inputs.told_apart(images, after)
            what = "area under the curve, training images by validation images"
            checks.append(directed(what, area, apart, -1))
    except NotApplicableError:
        # The pixels have shown that the change is one.
        pass
    return checks


def directed(what: str, value: float, before: float, sign: int) -> Check:
    """Returns whether a number has risen (1), fallen (-1) or changed (0).

    >>> directed("loss", 0.5, 2.3, -1).is_met
    True

    Args:
        what: What was measured.
        value: With the remedy.
        before: Without.
        sign: Which of these it should have done.
    """
    expected = f"{('other than', 'above', 'below')[sign]} {before:.3g}"
    is_met = (value - before) * sign > 0 if sign else value != before
    return Check(what, value, expected, is_met)


def _update_norm(pair: Pair) -> list[Check]:
    """Compares the first measured updates; where gradients have parted, the rates.

    A rate that is far too high can end learning before the first measured step. Then
    the gradients of the two differ so much that lengths of updates tell nothing.
    """
    factor = pair.changed.learning_rate / pair.config.learning_rate
    check = of_ratio(factor, pair.ratio("update_norm", 0), _TOO_SHORT)
    gradients = pair.ratio("gradient_norm", 0)
    have_parted = gradients and abs(math.log(gradients)) > math.log(_PARTED)
    if check.is_met or not have_parted:
        return [check]
    what = "ratio of the learning rates in use; gradients differ too much to compare"
    return [of_ratio(factor, pair.ratio("learning_rate", 0), _TOO_SHORT, what)]


def _schedule(pair: Pair) -> list[Check]:
    rates = pair.last("learning_rate")
    what = "learning rate at the last evaluation"
    if rates is None:
        return [Check(what, None, "", None, _NO_EVALUATION)]
    return [directed(what, *rates, 0)]


def _batch_size(pair: Pair) -> list[Check]:
    what = "ratio of images per step"
    factor = pair.changed.batch_size / pair.config.batch_size
    sizes = pair.last_of(lambda row: row["epoch"] / row["step"])
    if sizes is None:
        return [Check(what, None, "", None, _NO_EVALUATION)]
    return [of_ratio(factor, sizes[0] / sizes[1], "", what)]


def _weight_decay(pair: Pair) -> list[Check]:
    """Compares the norm of the weights, if the weight decay differs."""
    old, new = (
        float(spec.single(each.optimizer).kwargs.get("weight_decay", 0.0))
        for each in (pair.config, pair.changed)
    )
    if old == new:
        reason = "no recorded number tells optimizers apart"
        return [Check("optimizer", None, "", None, reason)]
    ratio = pair.ratio("weight_norm", -1)
    what, sign = "ratio of weight_norm at the end", -1 if new > old else 1
    if ratio is None:
        return [
            Check(what, None, "below 1" if sign < 0 else "above 1", None, _TOO_SHORT)
        ]
    return [directed(what, ratio, 1.0, sign)]


def _clipped(pair: Pair) -> list[Check]:
    """Counts the measured steps whose gradient was longer than it may be."""
    what = "fraction of the measured steps that are clipped"
    norms = [
        norm
        for folder in pair.remedied
        for norm in events.read_scalars(folder / "train", _GRADIENT_NORM).values()
    ]
    if not norms:
        return [Check(what, None, "", None, _TOO_SHORT)]
    value = float(np.mean(np.array(norms) > pair.changed.clip_norm))
    if not value:
        reason = f"none of the {len(norms)} measured steps is; those between may be"
        return [Check(what, None, "above 0", None, reason)]
    return [Check(what, value, "above 0", True)]


def _augmentation(pair: Pair) -> list[Check]:
    if pair.images is None:
        return [Check("augment", None, "", None, "there are no images to measure")]
    return of_pixels(pair.images, pair.config.augment, pair.changed.augment)


def _normalization(pair: Pair) -> list[Check]:
    """Compares how far inputs are from the scale that initial weights are made for."""
    what = "root mean square of the inputs"
    if pair.images is None:
        return [Check(what, None, "", None, "there are no images to measure")]
    after, before = (
        inputs.root_mean_square(pair.images.train, each.normalize)
        for each in (pair.changed, pair.config)
    )
    expected = f"nearer to 1 than {before:.3g}"
    if not after or not before:
        return [Check(what, after, expected, before == 0 < after)]
    is_met = abs(math.log(after)) < abs(math.log(before))
    return [Check(what, after, expected, is_met)]


def _model(pair: Pair) -> list[Check]:
    """Compares the number of parameters; where it is the same, the noise of dropout."""
    counts = pair.parameters()
    if counts is None:
        return [Check("parameters", None, "", None, "an arm has no checkpoint")]
    if counts[0] != counts[1]:
        factor = counts[0] / counts[1]
        return [Check("ratio of parameters", factor, "other than 1", True)]
    # Accuracy as trained has the noise of dropout, that in evaluation mode has not.
    what = "accuracy on training images, in evaluation mode less as trained"
    values = pair.last("train_clean/accuracy", "train/accuracy")
    if values is None:
        return [Check(what, None, "", None, _NO_EVALUATION)]
    return [directed(what, *values, 1 if _dropout(pair) > 0 else -1)]


def _dropout(pair: Pair) -> float:
    """Returns how much higher the dropout of the model is with the remedy."""
    new, old = (
        float(model_spec.arguments(each.model).get("dropout", 0.0))
        for each in (pair.changed, pair.config)
    )
    return new - old


def _label_smoothing(pair: Pair) -> list[Check]:
    """Compares the mean confidence on the images that judge, with the first seed."""
    what = "mean confidence on the images that judge"
    values = [
        predictions_lib.read_all(each[0] / "judged")
        for each in (pair.remedied, pair.unchanged)
    ]
    if not all(values):
        return [Check(what, None, "", None, "an arm was not judged")]
    after, before = (float(np.mean(each[max(each)].confidence)) for each in values)
    is_more = pair.changed.label_smoothing > pair.config.label_smoothing
    return [directed(what, after, before, -1 if is_more else 1)]


def _loss(pair: Pair) -> list[Check]:
    """Compares the loss at the first measured step, where weights hardly differ."""
    ratio, what = pair.ratio("loss", 0), "ratio of the first measured loss"
    if ratio is None:
        return [Check(what, None, "", None, _TOO_SHORT)]
    return [directed(what, ratio, 1.0, 0)]


def _longer(pair: Pair) -> list[Check]:
    what = "ratio of steps"
    steps = pair.last("step")
    if steps is None:
        return [Check(what, None, "above 1", None, _NO_EVALUATION)]
    return [directed(what, steps[0] / steps[1], 1.0, 1)]


def _left_out(pair: Pair) -> list[Check]:
    """Compares the numbers of training images that are left out, by data.json."""
    what = "training images left out"
    records = pair.records()
    if records is None:
        return [Check(what, None, "", None, "an arm has no data.json")]
    after, before = (each.excluded["images"] for each in records)
    return [Check(what, after, f"more than {before}", after > before)]


def _evener(pair: Pair) -> list[Check]:
    """Compares the frequencies of the classes in the first epoch, by data.json."""
    what = "largest by smallest class in the first epoch"
    records = pair.records()
    if records is None:
        return [Check(what, None, "", None, "an arm has no data.json")]
    after, before = (_unevenness(each) for each in records)
    return [Check(what, after, f"below {before:.3g}", after < before)]


def _gap(pair: Pair) -> Check:
    """Compares how much more accurate training images are than validation images."""
    what = "accuracy on training images less that on validation images"
    values = pair.last("train_clean/accuracy", "validation/accuracy")
    if values is None:
        return Check(what, None, "", None, _NO_EVALUATION)
    return directed(what, *values, -1)


def _fit(pair: Pair) -> Check:
    """Compares the accuracy on training images."""
    what = "accuracy on training images"
    values = pair.last("train_clean/accuracy")
    if values is None:
        return Check(what, None, "", None, _NO_EVALUATION)
    return directed(what, *values, 1)


def _unevenness(record: DataRecord) -> float:
    """Returns the largest class in the first epoch by the smallest one."""
    counts = record.sampled or record.fields["splits"]["train"]["per_class"]
    present = [each for each in counts if each]
    return float(max(present) / min(present))


_CHECKS: Mapping[str, Callable[[Pair], list[Check]]] = {
    "learning_rate": _update_norm,
    "schedule": _schedule,
    "optimizer": _weight_decay,
    "clip_norm": _clipped,
    "batch_size": _batch_size,
    "train_for": _longer,
    "augment": _augmentation,
    "normalize": _normalization,
    "model": _model,
    "label_smoothing": _label_smoothing,
    "loss": _loss,
    "exclude": _left_out,
    "sampling": _evener,
}
# What follows from the remedy of a cause, if that is one.
_CONSEQUENCES: Mapping[str, Callable[[Pair], Check]] = {
    "overfitting": _gap,
    "homogeneous_training_data": _gap,
    "distribution_shift": _gap,
    "over_regularized": _fit,
    "insufficient_capacity": _fit,
}
