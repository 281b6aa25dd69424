"""Whether labels are class numbers, and which classes the splits hold."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from framework.diagnose.core.measurement import Measurement
from framework.diagnose.measure.features import are_images
from framework.numerics import labels as labels_lib
from framework.numerics.intervals import Estimate, proportion

if TYPE_CHECKING:
    from framework.diagnose.core.context import DiagnosisContext

# Rows of float32 shares are no further from 1; label smoothing and mixup keep to it.
_SUM_TOLERANCE = 1e-3
# A class with a hundredth of the share that validation suggests is in training in name
# only.
_ABSENT = 0.01
# This many expected images are not missing by chance: p = exp(-10).
_EXPECTED = 10
_PERMUTATIONS = 999
# Labels are compared across this many equal parts of the storage order.
_PARTS = 10


@dataclasses.dataclass(frozen=True)
class SplitLabels:
    """The labels of one split, as they were given.

    Attributes:
        images: The number of labels.
        not_finite: Labels that are not a number.
        fractions: Labels that are not whole numbers.
        outside: Labels of classes that the model has no output for.
        bad_rows: Rows of a table that do not sum to 1.
        examples: A few of the illegal ones, in words.
        classes: The number of different classes, as whole numbers.
    """

    images: int
    not_finite: int
    fractions: int
    outside: int
    bad_rows: int
    examples: str
    classes: int

    @property
    def has_illegal(self) -> bool:
        """Whether any label is illegal."""
        return bool(self.not_finite + self.fractions + self.outside + self.bad_rows)


@dataclasses.dataclass(frozen=True)
class LabelValidity(Measurement):
    """Labels that are not class numbers.

    Attributes:
        outputs: The number of outputs of the model.
        train: The labels of the training split.
        validation: The labels of the validation split.
    """

    outputs: int
    train: SplitLabels
    validation: SplitLabels

    @classmethod
    def measure(cls, context: DiagnosisContext) -> LabelValidity:
        """See base class."""
        outputs = context.outputs("validation").shape[1]
        splits = {
            name: _split_labels(np.asarray(context.labels[name]), outputs)
            for name in ("train", "validation")
        }
        return cls(outputs, **splits)

    @property
    def is_one_class(self) -> bool:
        """Whether all training labels are one class once converted to integers."""
        return self.train.classes < 2 <= self.validation.classes

    @property
    def has_illegal(self) -> bool:
        """Whether either split has illegal labels, so that accuracy means nothing."""
        illegal = self.train.has_illegal or self.validation.has_illegal
        return illegal or self.is_one_class


def _split_labels(given: np.ndarray, outputs: int) -> SplitLabels:
    if labels_lib.is_table(given):
        return _table_labels(given)
    return _number_labels(given, outputs)


def _number_labels(given: np.ndarray, outputs: int) -> SplitLabels:
    values = given.reshape(-1).astype(np.float64)
    finite = np.isfinite(values)
    fractions = finite & (values != np.round(values))
    # One sigmoid may be taught probabilities, as long as they are on both sides of .5.
    probabilities = outputs == 1 and np.all((values >= 0) & (values <= 1))
    if probabilities and values.min() < 0.5 < values.max():
        values = np.round(values)
        fractions[:] = False
    most = max(outputs, 2)
    outside = finite & ~fractions & ((values < 0) | (values >= most))
    # With more classes than outputs it is the model that is wrong, not the labels.
    if len(np.unique(values[finite & ~fractions])) > most:
        outside[:] = False
    illegal = ~finite | fractions | outside
    return SplitLabels(
        images=len(given),
        not_finite=int(np.sum(~finite)),
        fractions=int(fractions.sum()),
        outside=int(outside.sum()),
        bad_rows=0,
        examples=_examples(values[illegal]),
        classes=len(np.unique(labels_lib.classes(values))),
    )


def _table_labels(given: np.ndarray) -> SplitLabels:
    rows = given.reshape(len(given), -1).astype(np.float64)
    finite = np.isfinite(rows).all(axis=1)
    sums = np.where(np.isfinite(rows), rows, 0).sum(axis=1)
    bad = finite & (np.abs(sums - 1) > _SUM_TOLERANCE)
    return SplitLabels(
        images=len(given),
        not_finite=int(np.sum(~finite)),
        fractions=0,
        outside=0,
        bad_rows=int(bad.sum()),
        examples=f"sums of {_examples(sums[bad])}" if bad.any() else "nan",
        classes=len(np.unique(labels_lib.classes(given))),
    )


def _examples(values: np.ndarray) -> str:
    return ", ".join(f"{value:.3g}" for value in np.unique(values)[:3])


@dataclasses.dataclass(frozen=True)
class SplitComposition(Measurement):
    """Which classes the splits hold, and in which order they are stored.

    Attributes:
        unseen: Fraction of validation images of classes that training lacks.
        unseen_classes: Their names, in words; "" for none.
        missing_classes: Classes of training that validation lacks, in words.
        distance: Total variation distance of the class shares, 0 to 1.
        p: Of equal class shares: chi-squared, by permutation where fewer than 5 are
            expected. The same image again is no further draw, and does not count.
        order_bits: Mutual information of label and position, above chance, in bits.
    """

    unseen: Estimate
    unseen_classes: str
    missing_classes: str
    distance: float
    p: float
    order_bits: float

    @classmethod
    def measure(cls, context: DiagnosisContext) -> SplitComposition:
        """See base class."""
        train, validation = (
            labels_lib.classes(context.labels[split])
            for split in ("train", "validation")
        )
        most = max(context.num_classes, train.max() + 1, validation.max() + 1)
        first = labels_lib.counts(train, most)
        second = labels_lib.counts(validation, most)
        shares = first / max(first.sum(), 1), second / max(second.sum(), 1)
        absent = (second > 0) & (shares[0] < _ABSENT * shares[1])
        missing = (second == 0) & (shares[0] * second.sum() >= _EXPECTED)
        return cls(
            unseen=proportion(int(second[absent].sum()), int(second.sum())),
            unseen_classes=_names(context.class_names, absent),
            missing_classes=_names(context.class_names, missing),
            distance=float(np.abs(shares[0] - shares[1]).sum() / 2),
            p=_p_of_equal_shares(
                _distinct(context, "train", first),
                _distinct(context, "validation", second),
            ),
            order_bits=max(_order_bits(train), _order_bits(validation)),
        )


def _names(names: tuple[str, ...], chosen: np.ndarray) -> str:
    texts = [
        names[index] if index < len(names) else f"class {index}"
        for index in np.flatnonzero(chosen)
    ]
    return ", ".join(texts[:5]) + (" and others" if len(texts) > 5 else "")


def _distinct(context: DiagnosisContext, name: str, counts: np.ndarray) -> np.ndarray:
    """Returns the counts of different images by class, by those in memory: int [K].

    Rows of few features are the same by chance, and are left as they are.
    """
    split = context.split(name)
    if not are_images(split.images):
        return counts
    labels = labels_lib.classes(np.asarray(split.labels))
    images = (np.ascontiguousarray(each).tobytes() for each in split.images)
    pairs = set(zip(images, labels.tolist(), strict=True))
    total = labels_lib.counts(labels, len(counts))
    once = np.fromiter((label for _, label in pairs), np.int64, len(pairs))
    different = labels_lib.counts(once, len(counts))
    shares = np.divide(different, total, where=total > 0, out=np.ones(len(counts)))
    return np.ceil(counts * shares).astype(counts.dtype)


def _p_of_equal_shares(first: np.ndarray, second: np.ndarray) -> float:
    from scipy import stats

    table = np.stack([first, second])[:, first + second > 0]
    if table.shape[1] < 2 or not table.sum(axis=1).all():
        return 1.0
    statistic, p, _, expected = stats.chi2_contingency(table)
    if expected.min() >= 5:
        return float(p)
    generator = np.random.Generator(np.random.PCG64(0))
    rows = generator.multivariate_hypergeometric(
        table.sum(axis=0), int(table[1].sum()), _PERMUTATIONS
    )
    others = np.stack([table.sum(axis=0) - rows, rows], axis=1)
    statistics = np.sum((others - expected) ** 2 / expected, axis=(1, 2))
    return float((1 + np.sum(statistics >= statistic - 1e-9)) / (_PERMUTATIONS + 1))


def _order_bits(classes: np.ndarray) -> float:
    classes = classes[classes >= 0]
    if len(classes) < 2 * _PARTS:
        return 0.0
    shuffled = np.random.Generator(np.random.PCG64(0)).permutation(classes)
    return max(_information(classes) - _information(shuffled), 0.0)


def _information(classes: np.ndarray) -> float:
    """Returns the mutual information of class and position, in bits."""
    part = np.arange(len(classes)) * _PARTS // len(classes)
    joint = np.zeros((_PARTS, classes.max() + 1))
    np.add.at(joint, (part, classes), 1 / len(classes))
    outer = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    positive = joint > 0
    return float(np.sum(joint[positive] * np.log2(joint[positive] / outer[positive])))
