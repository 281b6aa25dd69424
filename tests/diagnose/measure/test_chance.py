"""Tests of framework/diagnose/measure/chance.py."""

import numpy as np
import pytest

from framework.diagnose.measure import chance
from framework.diagnose.measure.features import Features
from framework.diagnose.measure.samples import Sample
from framework.numerics.intervals import proportion


@pytest.fixture(scope="module")
def samples(scans):
    """Samples of digits with untrained features."""
    features = Features(scans.train.images)
    return [
        Sample(np.arange(len(each)), each.labels, features(each.images))
        for each in (scans.train, scans.validation)
    ]


def centroids(train, labels, validation):
    """Predicts the class of the nearest mean: images of a kind stand together."""
    means = np.stack([train[labels == each].mean(axis=0) for each in np.unique(labels)])
    return ((means**2).sum(axis=1) - 2 * validation @ means.T).argmin(axis=1)


def void(samples, count):
    """Yields predictions after permuted training labels."""
    train, validation = samples
    for seed in range(count):
        labels = np.random.default_rng(seed).permutation(train.labels)
        yield centroids(train.features, labels, validation.features)


def test_balanced_accuracy_is_the_mean_of_the_classes():
    labels, predicted = np.array([0, 0, 0, 2]), np.array([0, 0, 1, 2])
    assert chance.balanced_accuracy(labels, predicted) == pytest.approx(5 / 6)


@pytest.mark.extended
def test_permuted_labels_are_seldom_above_chance(samples):
    """By an interval of independent images one in five and more would be."""
    labels = samples[1].labels
    every = list(void(samples, 200))
    p = np.array([chance.p_of_renaming(labels, each) for each in every])
    assert np.mean(p < chance.LEVEL) <= 0.08
    lows = [proportion(int(np.sum(each == labels)), len(each)).low for each in every]
    assert np.mean(np.array(lows) > 0.1) > 0.2


def test_one_class_right_as_a_whole_is_luck():
    labels = np.arange(600) % 10
    assert chance.p_of_renaming(labels, np.where(labels == 3, 3, 0)) > chance.LEVEL


def test_what_is_known_is_above_chance(samples):
    train, validation = samples
    predicted = centroids(train.features, train.labels, validation.features)
    assert chance.p_of_renaming(validation.labels, predicted) == 0.001
    # Every fifth prediction is right for certain, the others are guesses.
    labels = np.arange(600) % 10
    guesses = np.random.default_rng(0).permutation(labels)
    predicted = np.where(np.arange(600) // 10 % 5 == 0, labels, guesses)
    assert chance.p_of_renaming(labels, predicted) < chance.LEVEL


def test_classes_that_validation_lacks_are_never_right():
    labels = np.arange(100) % 5
    assert chance.p_of_renaming(labels, np.full(100, 7)) == 1.0
    assert chance.p_of_renaming(labels + 3, labels + 3) < 0.02


@pytest.mark.parametrize(
    ("labels", "can"), [(np.arange(20) % 5, True), (np.arange(20) % 4, False)]
)
def test_few_classes_have_too_few_names(labels, can):
    assert chance.can_rename(labels) == can


def with_two_classes(samples):
    return [
        Sample(each.indices, (each.labels >= 5).astype(np.int32), each.features)
        for each in samples
    ]


def test_two_classes_are_compared_with_probes(samples):
    train, validation = two = with_two_classes(samples)
    null = chance.of_probes(train, validation)
    predicted = centroids(train.features, train.labels, validation.features)
    known = chance.balanced_accuracy(validation.labels, predicted)
    assert chance.p_of_probes(null, known) < 0.02
    p = [
        chance.p_of_probes(null, chance.balanced_accuracy(validation.labels, each))
        for each in void(two, 100)
    ]
    assert np.mean(np.array(p) < chance.LEVEL) <= 0.1
