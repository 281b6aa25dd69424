"""Tests of framework/diagnose/measure/label_agreement.py."""

import numpy as np
import pytest

from framework.data.split import Split
from framework.diagnose.core.embedding import Embedding
from framework.diagnose.core.measurement import UnavailableError
from framework.diagnose.measure.label_agreement import (
    FlaggedImages,
    FlaggedLabels,
    LabelAgreement,
    doubtful,
    flagged,
)
from framework.diagnose.measure.label_signal import LabelSignal


def noisy(split, fraction):
    generator = np.random.default_rng(0)
    is_wrong = generator.random(len(split)) < fraction
    others = (split.labels + generator.integers(1, 10, len(split))) % 10
    labels = np.where(is_wrong, others, split.labels).astype(np.int32)
    return Split(split.images, labels)


@pytest.mark.extended
def test_wrong_labels_are_contradicted_and_flagged(context, scans):
    case = context(noisy(scans.train, 0.2), scans.validation)
    agreement = case.get(LabelAgreement)
    assert agreement.easy.value == pytest.approx(0.2, abs=0.1)
    assert agreement.validation.value < 0.05
    assert agreement.worst_class in case.class_names
    assert agreement.worst.value >= agreement.easy.low
    fraction = case.get(FlaggedLabels).fraction.value
    assert fraction == pytest.approx(0.2, abs=0.05)


@pytest.mark.extended
def test_right_labels_are_not(context, scans):
    case = context(scans.train, scans.validation)
    assert case.get(LabelAgreement).easy.value < 0.02
    assert case.get(FlaggedLabels).fraction.value < 0.1


def test_one_class_is_never_flagged():
    assert not flagged(np.eye(9, dtype=np.float32), np.zeros(9, int)).any()


def test_unavailable_for_few_images(context, scans):
    case = context(scans.train.take(np.arange(199)), scans.validation)
    with pytest.raises(UnavailableError, match="fewer than 200 training images"):
        case.get(LabelAgreement)


def test_the_least_probable_labels_are_flagged_first(scans, context):
    train = noisy(scans.train, 0.2)
    found = context(train, scans.validation).get(FlaggedImages)
    every, some = (found.flags(most) for most in (1.0, 0.05))
    assert some.sum() == int(0.05 * len(train)) < every.sum() == len(found.rows)
    assert np.all(every[some])
    is_wrong = train.labels != scans.train.labels
    assert np.mean(is_wrong[some]) > 0.95
    assert np.mean(found.likely == scans.train.labels[found.rows]) > 0.9
    # Never the label that is called wrong.
    assert np.all(found.likely != train.labels[found.rows])


def test_flagged_images_of_a_sample_have_their_places_in_the_split(scans, context):
    train = noisy(scans.train, 0.2).take(np.arange(400))
    rows = np.arange(400) * 2
    found = context(train, scans.validation, train_rows=rows).get(FlaggedImages)
    assert found.places.tolist() == (2 * found.rows).tolist()


def test_doubtful_labels_come_with_what_is_expected(scans):
    train = noisy(scans.train, 0.1)
    features = train.images.reshape(len(train), -1) / 255
    rows, probabilities, expected = doubtful(features, train.labels)
    assert np.all(np.diff(probabilities) >= 0)
    is_wrong = train.labels != scans.train.labels
    assert np.mean(is_wrong[rows]) > 0.9
    assert np.mean(np.isin(np.flatnonzero(is_wrong), rows)) > 0.8
    assert np.mean(expected == scans.train.labels[rows]) > 0.85


def test_nothing_is_doubtful_where_there_is_too_little_to_tell():
    rows, _, _ = doubtful(np.eye(300, dtype=np.float32), np.zeros(300, int))
    assert len(rows) == 0
    rows, _, _ = doubtful(np.eye(9, dtype=np.float32), np.arange(9))
    assert len(rows) == 0


@pytest.mark.extended
def test_control_by_validation_and_by_the_model(context, scans):
    right = context(scans.train, scans.validation).get(LabelAgreement)
    assert right.worst_controls > 0
    assert right.worst_in_validation.value < 0.2
    both = [noisy(each, 0.3) for each in (scans.train, scans.validation)]
    wrong = context(*both).get(LabelAgreement)
    assert wrong.validation.value == pytest.approx(0.3, abs=0.12)


def hidden(count, seed):
    """Returns images of noise whose class, of 4, only the first pixel's bits have."""
    generator = np.random.default_rng(seed)
    images = generator.integers(0, 256, (count, 8, 8, 1)).astype(np.uint8)
    return Split(images, (images[:, 0, 0, 0] % 4).astype(np.int32))


def test_labels_are_judged_by_the_embedding(context):
    train, validation = hidden(600, 0), hidden(300, 1)
    wrong = np.random.default_rng(2).permutation(600)[:120]
    labels = train.labels.copy()
    labels[wrong] = (labels[wrong] + 1) % 4
    eye = np.eye(4, dtype=np.float32)
    embedding = Embedding(lambda images: eye[images[:, 0, 0, 0] % 4], "bits")
    case = context(Split(train.images, labels), validation, embedding=embedding)
    agreement = case.get(LabelAgreement)
    assert agreement.features == "4 features of bits"
    assert agreement.embedding_z > 5 > case.get(LabelSignal).signals["train"].z
    assert agreement.easy.value == pytest.approx(0.2, abs=0.1)
    assert agreement.validation.value == 0
    found = case.get(FlaggedImages)
    assert set(found.rows) == set(wrong)
    assert np.array_equal(found.likely, train.labels[found.rows])
