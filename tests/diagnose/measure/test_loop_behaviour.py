"""Tests of framework/diagnose/measure/loop_behaviour.py."""

import numpy as np
import pytest

from framework.diagnose.core.measurement import UnavailableError
from framework.diagnose.measure.loop_behaviour import LinearReference, LoopModes


@pytest.fixture
def opaque(context, scans):
    """Makes the context of a program that is not seen into, with its predictions."""

    def make(predict):
        case = context(scans.train, scans.validation)
        case.program.is_opaque = True
        case.program.predict = predict
        return case

    return make


def guess(images, training=False):
    """Knows the images by their brightest part, in training mode only."""
    outputs = np.zeros((len(images), 10), np.float32)
    outputs[:, 0] = 1 + training
    return outputs


def test_a_probe_is_compared_on_the_same_images(opaque):
    reference = opaque(guess).get(LinearReference)
    assert reference.linear > 0.8
    assert reference.own < 0.2
    assert reference.gain.value == pytest.approx(reference.linear - reference.own)
    assert reference.gain.low > 0.5


def test_equal_modes_do_not_differ(opaque):
    modes = opaque(guess).get(LoopModes)
    assert (modes.on_train.value, modes.on_validation.value) == (0, 0)
    assert modes.train_accuracy == pytest.approx(modes.majority, abs=0.1)


@pytest.mark.parametrize("kind", [LoopModes, LinearReference])
def test_what_is_seen_into_needs_neither(context, scans, kind):
    with pytest.raises(UnavailableError, match="loops that are given as functions"):
        context(scans.train, scans.validation).get(kind)
