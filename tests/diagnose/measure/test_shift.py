"""Tests of framework/diagnose/measure/shift.py."""

import numpy as np
import pytest

from framework.data.drawn import drawn_flowers
from framework.data.split import Split
from framework.diagnose.core.embedding import Embedding
from framework.diagnose.core.measurement import UnavailableError
from framework.diagnose.measure.shift import ProbeLoss, Shift


def test_another_light_is_told_apart(context):
    data = drawn_flowers(
        train=300, validation=300, size=32, light=0.1, validation_light=1.5
    )
    case = context(data.train, data.validation)
    shift = case.get(Shift)
    assert shift.auc > 0.6
    assert shift.p < 0.01
    assert next(iter(shift.named)) == "brightness"
    assert len(shift.descriptions) == len(shift.named) <= 3
    assert case.get(ProbeLoss).loss.low > 0


@pytest.mark.extended
def test_splits_of_one_kind_are_not(context, scans):
    case = context(scans.train, scans.validation)
    assert case.get(Shift).auc < 0.6
    assert case.get(ProbeLoss).loss.low < 0.03


def test_unavailable_for_rows_and_for_few_images(context, scans):
    flat = [
        Split(each.images.reshape(len(each), -1), each.labels)
        for each in (scans.train, scans.validation)
    ]
    few = context(scans.train, scans.validation.take(np.arange(20)))
    for kind in (Shift, ProbeLoss):
        with pytest.raises(UnavailableError, match="the examples are not images"):
            context(*flat).get(kind)
        with pytest.raises(UnavailableError, match="there are no 40 images"):
            few.get(kind)


def test_an_embedding_tells_apart_what_properties_do_not(context):
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (400, 8, 8, 1)).astype(np.uint8)
    # The last bit says which split an image is of.
    images[:, 0, 0, 0] = images[:, 0, 0, 0] // 2 * 2 + np.repeat([0, 1], 200)
    labels = (np.arange(200) % 2).astype(np.int32)
    splits = Split(images[:200], labels), Split(images[200:], labels)
    plain = context(*splits).get(Shift)
    assert (plain.auc < 0.6, plain.features) == (True, "12 properties")
    embedding = Embedding(lambda images: images[:, 0, 0] % 2, "last bit")
    shift = context(*splits, embedding=embedding).get(Shift)
    assert shift.auc == 1
    assert shift.features == "1 features of last bit"
    # Of two tests, the least p-value that 200 permutations can give.
    assert shift.p == pytest.approx(2 / 201)
    same = context(splits[0], splits[0], embedding=embedding).get(Shift)
    assert same.p > 0.1
