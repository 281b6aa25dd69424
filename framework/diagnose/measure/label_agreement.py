"""Labels that similar images contradict."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from framework.diagnose.core.measurement import Measurement, NotApplicableError
from framework.diagnose.measure.ridge import Ridge, one_hot, predicted
from framework.diagnose.measure.samples import Sample, Samples
from framework.numerics.intervals import Estimate, proportion

if TYPE_CHECKING:
    from framework.diagnose.core.context import DiagnosisContext

# Easy images are the tenth, in each class as predicted, of which a probe is surest; but
# this many in all. There clothes (Fashion-MNIST), with 15 % errors of the probe, are
# contradicted 1 % of the time, and with a tenth of wrong labels 9 %. Of a single class
# it takes a quarter to be sure of anything.
_EASY, _LEAST = 0.1, 100
EASY_OF_CLASS = 0.25
_LEAST_OF_CLASS = 20
_FEWEST_IMAGES = 200


@dataclasses.dataclass(frozen=True)
class LabelAgreement(Measurement):
    """Labels compared with those that a cross-validated linear probe predicts.

    Attributes:
        easy: Fraction of labels of easy training images that the probe contradicts.
        worst_class: The predicted class of which most labels are contradicted; "" if
            none has enough images.
        worst: The fraction of that class.
        validation: Fraction of labels of easy validation images that are contradicted.
    """

    easy: Estimate
    worst_class: str
    worst: Estimate
    validation: Estimate

    @classmethod
    def measure(cls, context: DiagnosisContext) -> LabelAgreement:
        """See base class."""
        samples = context.get(Samples)
        sample = samples.train
        if len(sample) < _FEWEST_IMAGES:
            raise NotApplicableError(
                f"there are fewer than {_FEWEST_IMAGES} training images"
            )
        names, labels = np.unique(sample.labels, return_inverse=True)
        scores = Ridge(sample.features)(one_hot(labels, len(names)))
        against = scores.argmax(axis=1) != labels
        easy = _easy(scores, max(_EASY, _LEAST / len(scores)))
        rates = _by_class(scores, against)
        worst = max(rates, key=lambda each: rates[each].low, default=None)
        return cls(
            easy=proportion(int(np.sum(against & easy)), int(easy.sum())),
            worst_class="" if worst is None else context.class_names[names[worst]],
            worst=proportion(0, 0) if worst is None else rates[worst],
            validation=_contradicted(sample, samples.validation),
        )


@dataclasses.dataclass(frozen=True)
class FlaggedLabels(Measurement):
    """Labels that are probably wrong, by confident learning (cleanlab), out of fold.

    Attributes:
        fraction: Of the sampled training images.
    """

    fraction: Estimate

    @classmethod
    def measure(cls, context: DiagnosisContext) -> FlaggedLabels:
        """See base class."""
        sample = context.get(Samples).train
        flags = flagged(sample.features, sample.labels)
        return cls(proportion(int(flags.sum()), len(flags)))


def flagged(features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns which labels are probably wrong: bool [N].

    Args:
        features: float32 [N, F].
        labels: int [N].
    """
    names, labels = np.unique(labels, return_inverse=True)
    scores = Ridge(features)(one_hot(labels, len(names)))
    if scores.shape[1] < 2:
        return np.zeros(len(labels), bool)
    from cleanlab.filter import find_label_issues

    flags: np.ndarray = find_label_issues(
        labels, _probabilities(scores, labels), n_jobs=1
    )
    return flags


def _contradicted(train: Sample, validation: Sample) -> Estimate:
    names, labels = np.unique(train.labels, return_inverse=True)
    scores = predicted(train.features, one_hot(labels, len(names)), validation.features)
    easy = _easy(scores, max(_EASY, _LEAST / max(len(scores), 1)))
    against = names[scores.argmax(axis=1)] != validation.labels
    return proportion(int(np.sum(against & easy)), int(easy.sum()))


def _by_class(scores: np.ndarray, against: np.ndarray) -> dict[int, Estimate]:
    """Returns the rate of contradicted easy labels, by predicted class."""
    classes, easy = scores.argmax(axis=1), _easy(scores, EASY_OF_CLASS)
    rates = {}
    for each in np.unique(classes):
        members = easy & (classes == each)
        if members.sum() >= _LEAST_OF_CLASS:
            count = int(np.sum(against & members))
            rates[int(each)] = proportion(count, int(members.sum()))
    return rates


def _easy(scores: np.ndarray, fraction: float) -> np.ndarray:
    """Returns the fraction of each predicted class with the widest margin: bool [N]."""
    classes = scores.argmax(axis=1)
    ordered = np.sort(scores, axis=1)
    margin = ordered[:, -1]
    if scores.shape[1] > 1:
        margin = margin - ordered[:, -2]
    fraction = min(fraction, 0.5)
    easy = np.zeros(len(scores), bool)
    for each in np.unique(classes):
        members = np.flatnonzero(classes == each)
        order = members[np.argsort(-margin[members], kind="stable")]
        easy[order[: max(1, round(fraction * len(members)))]] = True
    return easy


def _probabilities(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns softmax of the scores, at the temperature that fits the labels best."""
    from scipy import optimize

    rows = np.arange(len(labels))

    def logs(slope: float) -> np.ndarray:
        values = slope * (scores - scores.max(axis=1, keepdims=True))
        return values - np.log(np.exp(values).sum(axis=1, keepdims=True))

    best = optimize.minimize_scalar(
        lambda slope: -logs(slope)[rows, labels].mean(),
        bounds=(0.1, 50.0),
        method="bounded",
    )
    return np.exp(logs(best.x).astype(np.float64))
