"""Tests of framework/diagnose/data/unnormalized_inputs.py."""

import numpy as np
import pytest
from framework.diagnose.change import Change
from framework.diagnose.data.unnormalized_inputs import change, measure, rule
from framework.diagnose.detector import Measures

from framework.data.dataset import Split


class InputLayer:
    pass


class Dense:
    pass


class BatchNormalization:
    pass


@pytest.fixture
def found(subject, scans):
    """Returns the finding for the scaling of the inputs, and layers."""

    def found(scaling, layers=(), images=scans.train.images):
        made = subject(Split(images, scans.train.labels), scans.validation)
        made.program.inputs = lambda images: scaling(images.astype(np.float64))
        made.program.layers = layers
        return rule(Measures(measure(made)))

    return found


@pytest.mark.parametrize(
    "scaling",
    [
        lambda images: images,
        lambda images: images / 255 / 255,
        lambda images: images / 255 + 100,
    ],
)
def test_fires(found, scaling):
    finding = found(scaling)
    assert (finding.cause, finding.status) == ("unnormalized_inputs", "suspected")
    layers = (InputLayer(), Dense(), BatchNormalization())
    assert found(scaling, layers) is not None
    assert found(scaling, (InputLayer(), BatchNormalization(), Dense())) is None


@pytest.mark.parametrize(
    "scaling",
    [
        lambda images: images / 255,
        lambda images: images / 127.5 - 1,
        # Trap H1: as ImageNet is standardised, up to 2.6.
        lambda images: (images / 255 - 0.45) / 0.225,
        lambda images: (images - images.mean()) / images.std(),
    ],
)
def test_silent(found, scaling):
    assert found(scaling) is None


def test_flat_features_count_one_by_one(found, scans):
    flat = scans.train.images.reshape(len(scans.train), -1)
    # Black corners of scaled images vary little, or not at all.
    assert found(lambda images: images / 255, images=flat) is None
    assert found(lambda images: images, images=flat) is not None


def test_constant_inputs_say_nothing(subject, scans):
    assert measure(subject(scans.train, scans.validation))
    made = subject(scans.train, scans.validation)
    made.program.inputs = lambda images: np.zeros((5, 8, 8, 1))
    assert measure(made) == {}


def test_what_would_mend_it():
    made = change(Measures()).differences()
    assert made == Change(standardize=True).differences()


def test_the_evidence(found):
    finding = found(lambda images: images)
    assert finding.message == (
        "the network sees inputs of standard deviation 96.1, at most 96.1, and a mean "
        "0.817 times as large; its weights were drawn for inputs around 0 of about 1"
    )
    assert finding.evidence[1].threshold == "above 5"
