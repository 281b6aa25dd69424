"""Tests of framework/diagnose/measure/labels.py."""

import numpy as np
import pytest

from framework.data.split import Split
from framework.diagnose.measure.labels import LabelValidity, SplitComposition


@pytest.fixture
def validity(context, scans):
    """Returns the validity of training labels, for this number of outputs."""

    def run(train, validation=None, outputs=10):
        given = scans.validation.labels if validation is None else validation
        labels = {"train": train, "validation": given}
        case = context(scans.train, scans.validation, labels=labels)
        case.program.kernel = case.program.kernel[:, :outputs]
        return case.get(LabelValidity)

    return run


def test_legal_labels_have_no_counts(validity, scans):
    labels = validity(scans.train.labels)
    assert labels.outputs == 10
    assert not labels.has_illegal
    assert labels.train.images == len(scans.train)
    assert labels.train.classes == 10


def test_each_kind_is_counted(validity, scans):
    labels = scans.train.labels.astype(float)
    labels[:7] = [np.nan, np.inf, 0.5, 1.5, 10, -1, 11]
    counts = validity(labels).train
    assert (counts.not_finite, counts.fractions, counts.outside) == (2, 2, 0)
    # With more classes than outputs the model is wrong; with as many, the labels.
    labels = scans.train.labels.copy()
    labels[labels == 3] = 12
    assert validity(labels).train.outside == np.sum(labels == 12)
    rows = np.eye(10)[scans.train.labels]
    rows[:4] *= 2
    rows[4] = np.nan
    counts = validity(rows).train
    assert (counts.bad_rows, counts.not_finite) == (4, 1)
    assert counts.examples == "sums of 2"


def test_more_classes_than_outputs_are_no_fault_of_the_labels(validity, scans):
    assert not validity(scans.train.labels, outputs=1).has_illegal


@pytest.mark.parametrize(
    ("probabilities", "is_illegal"), [((0.05, 0.95), False), ((0, 1 / 255), True)]
)
def test_one_sigmoid_may_be_taught_probabilities(
    validity, scans, probabilities, is_illegal
):
    train = np.where(scans.train.labels < 5, *probabilities)
    labels = validity(train, scans.validation.labels < 5, outputs=1)
    assert labels.has_illegal == is_illegal


def test_composition_of_splits(context):
    splits = [
        Split(np.zeros((len(labels), 4), np.float32), labels.astype(np.int32))
        for labels in (np.arange(800) // 100, np.arange(700, 1000) // 100)
    ]
    composition = context(*splits).get(SplitComposition)
    assert composition.unseen.value == pytest.approx(2 / 3)
    assert composition.unseen_classes == "class8, class9"
    assert composition.distance == pytest.approx(0.875)
    assert composition.p < 1e-9
    assert composition.order_bits > 2


def test_few_expected_images_are_permuted(context):
    generator = np.random.default_rng(0)
    splits = [
        Split(np.zeros((count, 4), np.float32), generator.integers(0, 30, count))
        for count in (200, 40)
    ]
    composition = context(*splits).get(SplitComposition)
    assert composition.p > 0.01
    assert composition.order_bits < 0.5


@pytest.mark.parametrize("times", [1, 28])
def test_a_repeated_batch_is_no_larger_sample(context, scans, times):
    """32 images of ten classes lack one by chance, however often they are shown."""
    rows = np.flatnonzero(scans.train.labels != 1)[:32]
    train = scans.train.take(np.tile(rows, times))
    composition = context(train, scans.validation).get(SplitComposition)
    assert composition.unseen_classes == "class1"
    assert composition.p > 0.01


def test_many_different_images_without_a_class_do_lack_it(context, scans):
    rows = np.flatnonzero(scans.train.labels != 1)
    train = scans.train.take(rows)
    assert context(train, scans.validation).get(SplitComposition).p < 0.01
