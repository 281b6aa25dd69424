"""Tests of framework/diagnose/measure/stored_moments.py."""

import keras
import numpy as np
import pytest

from framework.data.split import Split
from framework.diagnose.checks.data.unnormalized_inputs import UnnormalizedInputs
from framework.diagnose.measure.stored_moments import StoredMoments
from framework.diagnose.programs.keras_data import Source
from framework.diagnose.programs.keras_program import KerasProgram

L = keras.layers


def bytes_of(split):
    return split.images.astype(np.float32)


# By what a network was trained on: its images, and its layers that come first.
PRETRAINED = {
    "0 to 1": (lambda x: x / 255, []),
    "-1 to 1": (lambda x: x / 127.5 - 1, []),
    "bytes": (lambda x: x, []),
    "rescaling within": (lambda x: x, [L.Rescaling(1 / 255)]),
}


def pretrained(scaling, first, images):
    """Returns a model with a frozen backbone whose batch norm has seen such images."""
    keras.utils.set_random_seed(0)
    backbone = keras.Sequential(
        [
            keras.Input(images.shape[1:]),
            *first,
            L.Conv2D(8, 3, use_bias=False),
            L.BatchNormalization(momentum=0.5),
            L.ReLU(),
            L.GlobalAveragePooling2D(),
        ]
    )
    for start in range(0, 640, 64):
        backbone(scaling(images[start : start + 64]), training=True)
    backbone.trainable = False
    return keras.Sequential([backbone, L.Dense(10)])


@pytest.fixture
def found(context, scans):
    """Measures a model that is fed scaled digits, which others have trained."""

    def measure(model, scaling):
        images, labels = scaling(bytes_of(scans.train)), scans.train.labels
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("adam", loss, jit_compile=False)
        program = KerasProgram(model, Source((images, labels), 32))
        split = Split(images, labels)
        return context(split, split, program=program).measurements

    return measure


@pytest.mark.extended
@pytest.mark.parametrize("name", PRETRAINED)
@pytest.mark.parametrize("fed", ["0 to 1", "-1 to 1", "bytes"])
def test_only_another_scale_is_suspected(found, scans, name, fed):
    scaling, first = PRETRAINED[name]
    measured = found(
        pretrained(scaling, first, bytes_of(scans.train)), PRETRAINED[fed][0]
    )
    suspicion = UnnormalizedInputs().suspect(measured)
    is_right = fed == {"rescaling within": "bytes"}.get(name, name)
    stored = measured.get(StoredMoments)
    assert (suspicion is None) == is_right, stored
    if suspicion:
        factor, offset = suspicion.intervention.rescale
        given = PRETRAINED[fed][0](np.array([0.0, 255.0]))
        wanted = scaling(np.array([0.0, 255.0]))
        np.testing.assert_allclose(factor * given + offset, wanted, atol=1e-3)


def test_what_was_never_trained_stores_nothing(found):
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), L.Conv2D(8, 3), L.BatchNormalization(), L.Flatten()]
    )
    model.add(L.Dense(10))
    assert found(model, lambda x: x / 255).find(StoredMoments) is None
