"""Labels that similar images contradict."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from framework.diagnose.core.measurement import Measurement, NotApplicableError, Part
from framework.diagnose.measure.features import Features
from framework.diagnose.measure.probe import Probe
from framework.diagnose.measure.ridge import (
    OF_EMBEDDING,
    PENALTY,
    Ridge,
    one_hot,
    out_of_fold,
    predicted,
)
from framework.diagnose.measure.samples import EmbeddedSamples, Sample
from framework.numerics.intervals import (
    Estimate,
    difference,
    paired_difference,
    proportion,
)

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
# For people to look at: without it a fifth of the flowers would be listed, with it one
# in 25.
_IMPROBABLE = 0.05


@dataclasses.dataclass(frozen=True)
class LabelAgreement(Measurement):
    """Labels compared with those that a cross-validated linear probe predicts.

    Attributes:
        easy: Fraction of labels of easy training images that the probe contradicts.
        worst_class: The predicted class of which most labels are contradicted; "" if
            none has enough images.
        worst: The fraction of that class.
        validation: Fraction of labels of easy validation images that are contradicted.
        worst_in_validation: The fraction of the worst class there.
        worst_controls: The number of images that this is of.
        worst_p: Of as high a fraction there, times the number of classes of which it is
            the worst.
        probe_lead: Accuracy of the probe on validation images less that of the model.
        confusion: The label and the prediction that go together more often in training
            than in validation, in words; "" without any.
        confused: Fraction of that label with that prediction, less that in validation.
        confused_p: Of equal fractions, times the number of such pairs.
        features: What the probe sees, in words.
        embedding_z: Standard deviations from chance of probes of the user's embedding,
            as `LabelSignal` has them of untrained features; None without one.
    """

    easy: Estimate
    worst_class: str
    worst: Estimate
    validation: Estimate
    worst_in_validation: Estimate
    worst_controls: int
    worst_p: float
    probe_lead: Estimate
    confusion: str
    confused: Estimate
    confused_p: float
    features: str = "untrained features"
    embedding_z: float | None = None

    @classmethod
    def measure(cls, context: DiagnosisContext) -> LabelAgreement:
        """See base class."""
        samples = context.get(EmbeddedSamples).samples
        sample = samples.train
        if len(sample) < _FEWEST_IMAGES:
            raise NotApplicableError(
                f"there are fewer than {_FEWEST_IMAGES} training images"
            )
        names, labels = np.unique(sample.labels, return_inverse=True)
        penalty = _penalty(context)
        targets = one_hot(labels, len(names))
        scores = Ridge(sample.features, penalty=penalty)(targets)
        against = scores.argmax(axis=1) != labels
        easy = _easy(scores, max(_EASY, _LEAST / len(scores)))
        rates = _by_class(scores, against)
        worst = max(rates, key=lambda each: rates[each].low, default=None)
        held_out = samples.validation
        outside = predicted(sample.features, targets, held_out.features, penalty)
        against_outside = names[outside.argmax(axis=1)] != held_out.labels
        classes_outside = outside.argmax(axis=1)
        easy_outside = _easy(outside, EASY_OF_CLASS)
        control = _by_class(outside, against_outside, least=1)
        surest = _easy(outside, max(_EASY, _LEAST / max(len(outside), 1)))
        model = context.correct("validation")[held_out.indices]
        none = proportion(0, 0)
        members = _easy(scores, EASY_OF_CLASS) & (scores.argmax(axis=1) == worst)
        controls = easy_outside & (classes_outside == worst)
        pair, confused, p = _confused(
            _confusions(labels, scores, np.arange(len(names))),
            _confusions(held_out.labels, outside, names),
        )
        label, prediction = (context.class_names[names[each]] for each in pair)
        return cls(
            easy=proportion(int(np.sum(against & easy)), int(easy.sum())),
            worst_class="" if worst is None else context.class_names[names[worst]],
            worst=none if worst is None else rates[worst],
            validation=proportion(
                int(np.sum(against_outside & surest)), int(surest.sum())
            ),
            worst_in_validation=none if worst is None else control.get(worst, none),
            worst_controls=int(controls.sum()),
            worst_p=_p_of_worst(
                against[members], against_outside[controls], len(rates)
            ),
            probe_lead=paired_difference(~against_outside, model),
            confusion=f"{prediction} labelled {label}" if p < 1 else "",
            confused=confused,
            confused_p=p,
            features=str(context.embedding or cls.features),
            embedding_z=_embedding_z(context, sample),
        )


@dataclasses.dataclass(frozen=True)
class FlaggedLabels(Measurement):
    """Labels that are probably wrong, by confident learning (cleanlab), out of fold.

    Attributes:
        fraction: Of the sampled training images.
    """

    depends_on: ClassVar[Part] = Part.DATA
    fraction: Estimate

    @classmethod
    def measure(cls, context: DiagnosisContext) -> FlaggedLabels:
        """See base class."""
        sample = context.get(EmbeddedSamples).samples.train
        flags = flagged(sample.features, sample.labels, _penalty(context))
        return cls(proportion(int(flags.sum()), len(flags)))


@dataclasses.dataclass(frozen=True, eq=False)
class FlaggedImages(Measurement):
    """Training images whose labels are probably wrong, as `FlaggedLabels` counts them.

    Attributes:
        rows: Their positions in `context.train`, the least probable label first: int64
            [n].
        places: Their positions in the whole training split: int64 [n].
        likely: The most probable other class of each: int [n].
        images: The number of images in `context.train`.
    """

    is_reported: ClassVar[bool] = False
    rows: np.ndarray
    places: np.ndarray
    likely: np.ndarray
    images: int

    @classmethod
    def measure(cls, context: DiagnosisContext) -> FlaggedImages:
        """See base class."""
        train = context.train
        features = Features(train.images, context.embedding)(train.images)
        rows, likely = _flagged(features, train.labels, _penalty(context))
        return cls(rows, context.train_places(rows), likely, len(train))

    def flags(self, most: float) -> np.ndarray:
        """Returns which images are flagged: bool [N].

        Args:
            most: The largest fraction of all images to flag.
        """
        flags = np.zeros(self.images, bool)
        flags[self.rows[: int(most * self.images)]] = True
        return flags


def _embedding_z(context: DiagnosisContext, sample: Sample) -> float | None:
    if context.embedding is None:
        return None
    return Probe(sample.features).signal(sample.labels).z


def _penalty(context: DiagnosisContext) -> float:
    return PENALTY if context.embedding is None else OF_EMBEDDING


def flagged(
    features: np.ndarray, labels: np.ndarray, penalty: float = PENALTY
) -> np.ndarray:
    """Returns which labels are probably wrong: bool [N].

    Args:
        features: float32 [N, F].
        labels: int [N].
        penalty: Of the probe; see `Ridge`.
    """
    flags = np.zeros(len(labels), bool)
    flags[_flagged(features, labels, penalty)[0]] = True
    return flags


def _flagged(
    features: np.ndarray, labels: np.ndarray, penalty: float
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the rows of flagged labels, least probable first, and likely classes."""
    names, labels = np.unique(labels, return_inverse=True)
    scores = Ridge(features, penalty=penalty)(one_hot(labels, len(names)))
    if scores.shape[1] < 2:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    from cleanlab.filter import find_label_issues

    probabilities = _probabilities(scores, labels)
    flags: np.ndarray = find_label_issues(labels, probabilities, n_jobs=1)
    own = probabilities[np.arange(len(labels)), labels]
    rows = np.flatnonzero(flags)
    rows = rows[np.argsort(own[rows], kind="stable")]
    others = probabilities[rows]
    others[np.arange(len(rows)), labels[rows]] = -1.0
    return rows, names[others.argmax(axis=1)]


def label_probabilities(
    features: np.ndarray, labels: np.ndarray, penalty: float = PENALTY
) -> np.ndarray:
    """Returns the probability of each class, out of fold: float64 [N, K].

    Args:
        features: float32 [N, F].
        labels: int [N], from 0 to K - 1; all of them occur.
        penalty: Of the probe; see `Ridge`.
    """
    targets = one_hot(labels, int(labels.max()) + 1)
    scores = out_of_fold(features, targets, penalty=penalty)
    return _probabilities(scores, labels)


def doubtful(
    features: np.ndarray, labels: np.ndarray, penalty: float = PENALTY
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns labels that similar images contradict, the most certain first.

    By confident learning (cleanlab): its two rules agree, and the label has a
    probability of less than 5 %. Some are hard images with the right label.

    Args:
        features: float32 [N, F].
        labels: int [N].
        penalty: Of the probe; see `Ridge`.

    Returns:
        The rows, int64 [n]; the probabilities of their labels, float64 [n]; and the
        classes that are expected, int [n].
    """
    names, places = np.unique(labels, return_inverse=True)
    if len(names) < 2 or len(labels) < _FEWEST_IMAGES:
        return np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.int64)
    from cleanlab.filter import find_label_issues

    probabilities = label_probabilities(features, places, penalty)
    flags = find_label_issues(places, probabilities, filter_by="both", n_jobs=1)
    flags &= probabilities[np.arange(len(places)), places] < _IMPROBABLE
    rows = np.flatnonzero(flags)
    own = probabilities[rows, places[rows]]
    order = np.argsort(own, kind="stable")
    rows = rows[order]
    return rows, own[order], names[probabilities[rows].argmax(axis=1)]


def _confusions(
    labels: np.ndarray, scores: np.ndarray, names: np.ndarray
) -> np.ndarray:
    """Returns the number of images by label and prediction: int [K, K]."""
    known = np.isin(labels, names)
    table = np.zeros((len(names), len(names)), np.int64)
    places = np.searchsorted(names, labels[known]), scores[known].argmax(axis=1)
    np.add.at(table, places, 1)
    return table


def _confused(
    train: np.ndarray, validation: np.ndarray
) -> tuple[tuple[int, int], Estimate, float]:
    """Returns the pair that is confused more in training, by how much, and its p.

    Args:
        train: The number of images by label and prediction: int [K, K].
        validation: The same of the validation split.
    """
    from scipy import stats

    totals = [each.sum(axis=1, keepdims=True) for each in (train, validation)]
    rates = [
        each / np.maximum(total, 1)
        for each, total in zip((train, validation), totals, strict=True)
    ]
    pooled = (train + validation) / np.maximum(totals[0] + totals[1], 1)
    inverse = sum(1 / np.maximum(total, 1) for total in totals)
    z = (rates[0] - rates[1]) / np.sqrt(
        np.maximum(pooled * (1 - pooled), 1e-9) * inverse
    )
    np.fill_diagonal(z, -np.inf)
    label, prediction = np.unravel_index(z.argmax(), z.shape)
    counts = [
        (int(each[label, prediction]), int(total[label, 0]))
        for each, total in zip((train, validation), totals, strict=True)
    ]
    excess = difference(*(proportion(*each) for each in counts))
    table = [[count, total - count] for count, total in counts]
    p = float(stats.fisher_exact(table, "greater").pvalue)
    pairs = z.size - len(z)
    return (int(label), int(prediction)), excess, min(p * max(pairs, 1), 1.0)


def _by_class(
    scores: np.ndarray, against: np.ndarray, least: int = _LEAST_OF_CLASS
) -> dict[int, Estimate]:
    """Returns the rate of contradicted easy labels, by predicted class."""
    classes, easy = scores.argmax(axis=1), _easy(scores, EASY_OF_CLASS)
    rates = {}
    for each in np.unique(classes):
        members = easy & (classes == each)
        if members.sum() >= least:
            count = int(np.sum(against & members))
            rates[int(each)] = proportion(count, int(members.sum()))
    return rates


def _p_of_worst(train: np.ndarray, validation: np.ndarray, classes: int) -> float:
    """Returns the p-value of Fisher's exact test, times the number of classes.

    Args:
        train: Which easy training images of the worst class are contradicted: bool [N].
        validation: The same of validation images: bool [M].
        classes: Of how many classes it is the worst.
    """
    from scipy import stats

    table = [[int(each.sum()), int((~each).sum())] for each in (train, validation)]
    p = float(stats.fisher_exact(table, "greater").pvalue)
    return min(p * max(classes, 1), 1.0)


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
