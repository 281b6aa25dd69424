"""Training labels that are wrong, more of them than training can shrug off."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from framework.diagnose.data.without import train_without
from framework.diagnose.detector import Measures
from framework.diagnose.finding import Evidence, Finding, Remedy
from framework.diagnose.look import Sample, look
from framework.diagnose.pictures import Features
from framework.diagnose.repair import FLOOR, Repairs, is_gain
from framework.diagnose.ridge import Ridge, one_hot, predicted
from framework.diagnose.subject import Subject
from framework.numerics.intervals import Estimate, difference, proportion

# Networks shrug off less than a twentieth (Rolnick et al., 2017).
_SHARE, _CERTAIN = 0.05, 0.02
# Of a class that a third of another is mistaken for, so much is seen for certain; of
# shirts, which look like T-shirts, 12 % (Fashion-MNIST).
_CLASS_CERTAIN = 0.15
# Easy images are the tenth, in each class as predicted, of which a probe is surest;
# but so many in all. There clothes (Fashion-MNIST), with 15 % errors of the probe, are
# contradicted 1 % of the time, and with a tenth of wrong labels 9 %. Of a single class
# it takes a quarter to be sure of anything.
_EASY, _LEAST = 0.1, 100
_EASY_OF_CLASS, _LEAST_OF_CLASS = 0.25, 20
_FEWEST_IMAGES = 200
# So much more than in validation, whose images are as hard, is no chance, and more than
# networks shrug off; both are our own choice.
_MUCH, _TRUSTED = 0.15, 0.10
# Standard deviations from chance.
_SEES = 5.0


def measure(subject: Subject) -> dict[str, Any]:
    """Compares labels with what a probe says that was fitted to other images."""
    sample = look(subject)["train"]
    if len(sample) < _FEWEST_IMAGES:
        return {}
    names, labels = np.unique(sample.labels, return_inverse=True)
    scores = Ridge(sample.features)(one_hot(labels, len(names)))
    against = scores.argmax(axis=1) != labels
    easy = _easy(scores, max(_EASY, _LEAST / len(scores)))
    rates = _by_class(scores, against)
    validation = look(subject)["validation"]
    worst = max(rates, key=lambda each: rates[each].low, default=None)
    found = {
        "noise/easy": proportion(int(np.sum(against & easy)), int(easy.sum())),
        "noise/worst_class": "" if worst is None else subject.class_names[names[worst]],
        "noise/worst": rates.get(worst, proportion(0, 0)),
        "noise/validation": _contradicted(sample, validation),
    }
    if _suspects(found):
        flagged = _flagged(labels, scores)
        found["noise/flagged"] = proportion(int(flagged.sum()), len(labels))
    return found


def _contradicted(train: Sample, validation: Sample) -> Estimate:
    """Returns how many labels of easy validation images a probe contradicts."""
    names, labels = np.unique(train.labels, return_inverse=True)
    scores = predicted(train.features, one_hot(labels, len(names)), validation.features)
    easy = _easy(scores, max(_EASY, _LEAST / max(len(scores), 1)))
    against = names[scores.argmax(axis=1)] != validation.labels
    return proportion(int(np.sum(against & easy)), int(easy.sum()))


def _by_class(scores: np.ndarray, against: np.ndarray) -> dict[int, Estimate]:
    """Returns how many labels of easy images are contradicted, by predicted class."""
    predicted, easy = scores.argmax(axis=1), _easy(scores, _EASY_OF_CLASS)
    found = {}
    for each in np.unique(predicted):
        members = easy & (predicted == each)
        if members.sum() >= _LEAST_OF_CLASS:
            count = int(np.sum(against & members))
            found[int(each)] = proportion(count, int(members.sum()))
    return found


def _suspects(measures: Mapping[str, Any]) -> bool:
    easy, worst = measures["noise/easy"], measures["noise/worst"]
    is_spread = easy.value >= _SHARE and easy.low > _CERTAIN
    return is_spread or worst.low > _CLASS_CERTAIN


def confirm(repairs: Repairs, measures: Measures) -> dict[str, Any]:
    """Trains without the suspects, and without as many others of the same classes."""
    del measures
    train = repairs.subject.train
    names, labels = np.unique(train.labels, return_inverse=True)
    scores = Ridge(Features(train.images)(train.images))(one_hot(labels, len(names)))
    gain = train_without(repairs, "label_noise", _flagged(labels, scores))
    return {} if gain is None else {"noise/gain": gain}


def rule(measures: Measures) -> Finding | None:
    """Fires where even labels of easy images are contradicted."""
    easy, worst = measures["noise/easy"], measures["noise/worst"]
    # Where a probe sees nothing it contradicts everything.
    blind = measures["probe/train"].z < _SEES
    if measures["labels/illegal"] or blind or not _suspects(measures):
        return None
    found = Finding(
        cause="label_noise",
        status="suspected",
        message=(
            f"{easy.value:.1%} of the labels of easy training images are contradicted "
            f"by all similar images; worst are images that look like "
            f"{measures['noise/worst_class']}, {worst.value:.1%}"
        ),
        evidence=(
            Evidence(
                "contradicted labels of easy images",
                easy,
                f"{_SHARE:.0%} or more, for certain above {_CERTAIN:.0%}",
                "the tenth of which a cross-validated linear probe is surest",
            ),
            Evidence(
                f"the same, images like {measures['noise/worst_class']}",
                worst,
                f"for certain above {_CLASS_CERTAIN:.0%}",
                f"the worst class, of its easiest {_EASY_OF_CLASS:.0%}",
            ),
            Evidence(
                "labels flagged",
                measures["noise/flagged"],
                "shown only: hard images are flagged as well",
                "confident learning (cleanlab), out of fold",
            ),
        ),
        remedy=Remedy(
            "look through the flagged images and relabel or remove them; until then, "
            "smooth the labels",
            ("--label_smoothing=0.1",),
        ),
        refute="a person who looks through the flagged images and finds them right",
    )
    return _decided(_compared(found, measures), measures)


def _compared(found: Finding, measures: Measures) -> Finding:
    """Returns it as certain where the validation labels have nothing of the kind."""
    validation = measures["noise/validation"]
    excess = difference(measures["noise/easy"], validation)
    shown = Evidence(
        "contradicted labels of easy images, more than in validation",
        excess,
        f"for certain above {_MUCH:.0%}, and those {_TRUSTED:.0%} or fewer: decisive",
        f"the same probe, which contradicts {validation.value:.1%} of easy validation "
        "labels",
    )
    # Where a probe is wrong about what it is surest of, it can accuse nobody.
    decisive = excess.low > _MUCH and validation.value <= _TRUSTED
    status = "confirmed" if decisive else found.status
    return dataclasses.replace(found, status=status, evidence=(*found.evidence, shown))


def _decided(found: Finding, measures: Measures) -> Finding:
    gain = measures.get("noise/gain")
    if gain is None or found.status == "confirmed":
        return found
    shown = Evidence(
        "gain in validation accuracy without the flagged images",
        gain,
        f"the interval above 0, and {FLOOR:.0%} or more",
        "trained anew, against the same without as many others of the same classes",
    )
    return dataclasses.replace(
        found,
        status="confirmed" if is_gain(gain) else "falsified",
        evidence=(*found.evidence, shown),
        cost=gain,
    )


def _easy(scores: np.ndarray, share: float) -> np.ndarray:
    """Returns of which share of each predicted class the probe is surest: bool [N]."""
    predicted = scores.argmax(axis=1)
    best = np.sort(scores, axis=1)
    margin = best[:, -1] - best[:, -2] if scores.shape[1] > 1 else best[:, -1]
    share = min(share, 0.5)
    easy = np.zeros(len(scores), bool)
    for each in np.unique(predicted):
        members = np.flatnonzero(predicted == each)
        order = members[np.argsort(-margin[members], kind="stable")]
        easy[order[: max(1, round(share * len(members)))]] = True
    return easy


def _flagged(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Returns which labels are probably wrong, by confident learning: bool [N]."""
    if scores.shape[1] < 2:
        return np.zeros(len(labels), bool)
    from cleanlab.filter import find_label_issues

    return find_label_issues(labels, _probabilities(scores, labels), n_jobs=1)


def _probabilities(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns softmax of the scores, at the temperature that fits the labels best."""
    from scipy import optimize

    rows = np.arange(len(labels))

    def logs(slope: float) -> np.ndarray:
        values = slope * (scores - scores.max(axis=1, keepdims=True))
        return values - np.log(np.exp(values).sum(axis=1, keepdims=True))

    found = optimize.minimize_scalar(
        lambda slope: -logs(slope)[rows, labels].mean(),
        bounds=(0.1, 50.0),
        method="bounded",
    )
    return np.exp(logs(found.x).astype(np.float64))
