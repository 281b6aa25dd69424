"""Tests of framework/diagnose/measure/held_out.py."""

import numpy as np
import pytest

from framework.data.split import Split
from framework.diagnose.measure.accuracy import Accuracy
from framework.diagnose.measure.held_out import HeldOutAccuracy
from framework.numerics.intervals import proportion


def test_held_out_accuracy_is_that_of_train_dev(context, scans):
    train, dev = (
        scans.train.take(np.arange(1000)),
        scans.train.take(np.arange(1000, 1400)),
    )
    case = context(train, scans.validation, dev)
    measured = case.get(HeldOutAccuracy)
    assert measured.source.startswith("the model")
    assert measured.held_out == proportion(int(case.correct("dev").sum()), 400)
    assert measured.validation == case.get(Accuracy).validation.accuracy
    assert measured.lead.low < 0.02


@pytest.mark.parametrize("is_leaked", [False, True])
def test_without_one_neighbours_tell_images_that_were_trained_on(context, is_leaked):
    # Noise with labels at random: only what was seen before can be known.
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (800, 8, 8, 1)).astype(np.uint8)
    labels = generator.integers(0, 4, 800).astype(np.int32)
    train = Split(images[:400], labels[:400])
    first = 100 if is_leaked else 400
    validation = Split(images[first : first + 300], labels[first : first + 300])
    measured = context(train, validation).get(HeldOutAccuracy)
    assert measured.source.startswith("the nearest neighbour")
    assert (measured.lead.low > 0.5) == is_leaked
    assert is_leaked or measured.lead.low < 0


@pytest.mark.parametrize(("groups", "is_certain"), [(200, True), (4, False)])
def test_images_that_stand_and_fall_together_are_few(context, groups, is_certain):
    # Rows of a few kinds; the model is wrong about all held-out ones of one kind.
    generator = np.random.default_rng(0)
    kinds = generator.normal(size=(groups, 16)) * 9
    rows = np.tile(kinds, (400 // groups, 1)) + generator.normal(size=(400, 16)) / 99
    labels = np.zeros(400, np.int32)
    split = Split(rows.astype(np.float32), labels)
    case = context(split, split, split)
    wrong = np.arange(400) % groups < groups // 4

    def correct(name, training=False):
        return ~wrong if name == "dev" else np.ones(400, bool)

    object.__setattr__(case, "correct", correct)
    lead = case.get(HeldOutAccuracy).lead
    assert lead.value == pytest.approx(0.25)
    assert (lead.low > 0) is is_certain
