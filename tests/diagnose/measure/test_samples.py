"""Tests of framework/diagnose/measure/samples.py."""

import numpy as np

from framework.diagnose.core.embedding import Embedding
from framework.diagnose.measure.samples import EmbeddedSamples, Samples, chosen


def test_samples_are_taken_once(context, scans):
    case = context(scans.train, scans.validation)
    samples = case.get(Samples)
    assert case.get(Samples) is samples
    assert np.array_equal(samples.validation.labels, scans.validation.labels)
    assert samples.of("train") is samples.train
    assert samples.of("validation") is samples.validation


def test_chosen_positions_rise():
    assert chosen(5, 9).tolist() == [0, 1, 2, 3, 4]
    positions = chosen(100, 10)
    assert len(positions) == 10
    assert (np.diff(positions) > 0).all()


def test_the_embedding_is_beside_untrained_features(context, scans):
    embedding = Embedding(lambda images: images.mean(axis=1)[..., 0], "means")
    case = context(scans.train, scans.validation, embedding=embedding)
    own, untrained = case.get(EmbeddedSamples).samples, case.get(Samples)
    assert own.train.features.shape == (len(untrained.train), 8)
    assert np.array_equal(own.validation.indices, untrained.validation.indices)
    assert np.array_equal(own.validation.labels, untrained.validation.labels)
    assert untrained.train.features.shape[1] > 8
    assert np.abs(own.train.features.mean(axis=0)).max() < 1e-3
    plain = context(scans.train, scans.validation)
    assert plain.get(EmbeddedSamples).samples is plain.get(Samples)
