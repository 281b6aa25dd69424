"""Validation images of another kind than training's, and what is different in them."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.diagnose.change import Change
from framework.diagnose.detector import Measures
from framework.diagnose.finding import Evidence, Finding, Remedy
from framework.diagnose.look import look
from framework.diagnose.pictures import Scale, are_images
from framework.diagnose.properties import noise_level, properties
from framework.diagnose.ridge import Ridge, one_hot, predicted
from framework.diagnose.subject import Subject
from framework.numerics.intervals import Estimate, difference, proportion

# An image's split is told from its properties so often (deepchecks warns from .55 on);
# splits of digits, clothes and flowers gave .50 to .58.
_AUC, _LEVEL = 0.6, 0.01
# By one property alone less is enough, once all together have shown it.
_ALONE = 0.55
_PERMUTATIONS = 200
# Accuracy that is lost for certain between the splits.
_LOSS = 0.03
# From here on training repeats itself.
_REPEATED = 0.2
# So much below what differs most, a property is told as well.
_NEXT = 0.1
_MOST_NAMED = 3
_MOST, _FEWEST = 500, 40
_REST = (0.02, 0.98)


def measure(subject: Subject) -> dict[str, Any]:
    """Tells images of the splits from one another, and by what."""
    train, validation = subject.train, subject.validation
    if not are_images(train.images):
        return {}
    rows = _as_many(np.asarray(train.labels), np.asarray(validation.labels))
    if min(len(each) for each in rows) < _FEWEST:
        return {}
    scale = Scale.of(train.images)
    images = train.images[rows[0]], validation.images[rows[1]]
    first, second = (properties(each, scale) for each in images)
    auc, p = _told_apart(first, second)
    single = {name: _single(first[name], second[name]) for name in first}
    names = sorted(single, key=lambda name: -single[name])
    most = single[names[0]]
    named = [name for name in names if single[name] >= max(_ALONE, most - _NEXT)]
    named = named[:_MOST_NAMED]
    noise = tuple(noise_level(each, scale) for each in images)
    parts = [_augmentation(each, first[each], second[each], noise) for each in named]
    return {
        "shift/auc": auc,
        "shift/p": p,
        "shift/named": {name: single[name] for name in named},
        "shift/words": [_words(name, first[name], second[name]) for name in named],
        "shift/augment": " + ".join(
            {part.partition("(")[0]: part for part in reversed(parts)}.values()
        ),
        "shift/probe_loss": _probe_loss(subject),
    }


def rule(measures: Measures) -> Finding | None:
    """Fires where the splits can be told apart, and accuracy is lost in between."""
    auc, p = measures["shift/auc"], measures["shift/p"]
    if measures["labels/illegal"] or auc < _AUC or p >= _LEVEL:
        return None
    # What one change of all images mends has been named already.
    if measures["mismatch/gain"].low > _LOSS:
        return None
    # What shows few things only differs in all properties, as a consequence.
    repeated = measures.get("diversity/repeated")
    if repeated is not None and repeated.low > _REPEATED:
        return None
    loss = measures.get("gap/dev_validation")
    where = "images held out of training less that on validation images"
    if loss is None:
        loss = measures["shift/probe_loss"]
        where = "training images less that on validation images, of a probe"
    if loss.low <= _LOSS or not measures["shift/named"]:
        return None
    words = ", ".join(measures["shift/words"])
    return Finding(
        cause="distribution_shift",
        status="confirmed" if "gap/dev_validation" in measures else "suspected",
        message=(
            f"validation images differ from training images in {words}; "
            f"{loss.value:.1%} of accuracy is lost in between"
        ),
        evidence=_evidence(measures, loss, where),
        remedy=Remedy(
            "train on images that vary as those of validation do: collect some, or "
            "augment by what differs",
            (f"--augment={_with_present(measures)}",),
        ),
        refute="a run with that augmentation that ends no higher",
        cost=loss,
    )


def _evidence(measures: Measures, loss: Estimate, where: str) -> tuple[Evidence, ...]:
    return (
        Evidence(
            "area under the curve, training against validation images",
            measures["shift/auc"],
            f"{_AUC} or more, p = {measures['shift/p']:.2g} below {_LEVEL}",
            f"cross-validated linear classifier on 12 properties, {_PERMUTATIONS} "
            "permutations; as many of each class from either split",
        ),
        *(
            Evidence(f"the same by {name} alone", area, f"{_ALONE} or more", "ranks")
            for name, area in measures["shift/named"].items()
        ),
        Evidence(
            f"accuracy on {where}",
            loss,
            f"for certain above {_LOSS}",
            "Newcombe, 1998",
        ),
    )


def change(measures: Measures) -> Change:
    """Returns what would mend it."""
    return Change(augment=_with_present(measures))


def _with_present(measures: Measures) -> str:
    """Returns the augmentation after what is in place already."""
    present = measures["settings"].get("augment") or ""
    return " + ".join(each for each in (present, measures["shift/augment"]) if each)


def _as_many(train: np.ndarray, validation: np.ndarray) -> tuple[np.ndarray, ...]:
    """Returns places in both splits, of each class as many in one as in the other."""
    generator = np.random.Generator(np.random.PCG64(0))
    cap = max(_MOST // max(len(np.unique(validation)), 1), 1)
    found: tuple[list[np.ndarray], ...] = ([], [])
    for each in np.unique(validation):
        places = [np.flatnonzero(labels == each) for labels in (train, validation)]
        count = min(cap, *(len(some) for some in places))
        for some, kept in zip(places, found, strict=True):
            kept.append(np.sort(generator.permutation(some)[:count]))
    empty = np.zeros(0, np.int64)
    return tuple(np.concatenate([empty, *kept]) for kept in found)


def _told_apart(
    first: dict[str, np.ndarray], second: dict[str, np.ndarray]
) -> tuple[float, float]:
    """Returns by what area under the curve, and its p."""
    table = np.stack(
        [np.concatenate([first[name], second[name]]) for name in first], axis=1
    )
    table = table - np.median(table, axis=0)
    # Wider or narrower is another kind as well.
    table = np.concatenate([table, np.abs(table)], axis=1)
    spread = table.std(axis=0)
    table = (table - table.mean(axis=0)) / np.where(spread > 0, spread, np.inf)
    side = np.repeat(
        [0, 1], [len(next(iter(each.values()))) for each in (first, second)]
    )
    generator = np.random.Generator(np.random.PCG64(1))
    sides = [side, *(generator.permutation(side) for _ in range(_PERMUTATIONS))]
    sides = np.stack(sides, axis=1)
    areas = _areas(Ridge(table)(sides), sides)
    return float(areas[0]), float(np.mean(areas >= areas[0]))


def _areas(scores: np.ndarray, sides: np.ndarray) -> np.ndarray:
    """Returns the area under the curve of each column, by Mann and Whitney's ranks."""
    from scipy import stats

    ranks = stats.rankdata(scores, axis=0)
    ones = sides.sum(axis=0)
    above = (ranks * sides).sum(axis=0) - ones * (ones + 1) / 2
    return above / (ones * (len(sides) - ones))


def _single(first: np.ndarray, second: np.ndarray) -> float:
    """Returns the area by one property, or by its distance from what is usual."""
    values = np.concatenate([first, second])
    side = np.repeat([0, 1], [len(first), len(second)])
    columns = np.stack([values, np.abs(values - np.median(first))], axis=1)
    areas = _areas(columns, np.stack([side, side], axis=1))
    return float(np.max(np.abs(areas - 0.5)) + 0.5)


def _words(name: str, first: np.ndarray, second: np.ndarray) -> str:
    spread = max(float(first.std()), 1e-9)
    moved = float(np.median(second) - np.median(first)) / spread
    wider = float(second.std()) / spread
    parts = []
    if abs(moved) > 0.5:
        parts.append(
            f"{abs(moved):.1f} deviations {'higher' if moved > 0 else 'lower'}"
        )
    if not 0.67 < wider < 1.5:
        parts.append(f"varies {wider:.1f} times as much")
    return f"{name} ({', '.join(parts)})" if parts else name


def _probe_loss(subject: Subject) -> Estimate:
    """Returns how much better a probe is on training images it did not see."""
    train, validation = (look(subject)[name] for name in ("train", "validation"))
    classes = int(max(train.labels.max(), validation.labels.max())) + 1
    targets = one_hot(train.labels, classes)
    inside = Ridge(train.features)(targets).argmax(axis=1) == train.labels
    scores = predicted(train.features, targets, validation.features)
    outside = scores.argmax(axis=1) == validation.labels
    return difference(
        proportion(int(inside.sum()), len(inside)),
        proportion(int(outside.sum()), len(outside)),
    )


def _augmentation(
    name: str, first: np.ndarray, second: np.ndarray, noise: tuple[float, float]
) -> str:
    """Returns what makes training images vary in a property as validation's do."""
    apart = second - np.median(first)
    low, high = (float(each) for each in np.quantile(apart, _REST))
    factors = f"(({min(2**low, 1.0):.2g}, {max(2**high, 1.0):.2g}))"
    if name in ("brightness", "contrast"):
        return name + factors
    if name in ("colour temperature", "tint", "saturation"):
        return "saturation((0.3, 1.7))"
    if name == "size":
        # A zoom above 1 shrinks.
        return f"zoom(({max(2**-high, 0.5):.2g}, {min(2**-low, 1.5):.2g}))"
    if name.endswith("position"):
        return f"shift({np.clip(max(-low, high), 0.05, 0.4):.2g})"
    if name in ("angle", "tilt"):
        return "rotate(45)"
    if noise[1] > 1.5 * noise[0]:
        return f"noise({np.sqrt(noise[1] ** 2 - noise[0] ** 2):.2g})"
    is_blurred = name == "sharpness" and np.median(apart) < 0
    return "blur((0.1, 2.0))" if is_blurred else "sharpness((0.5, 2.0))"
