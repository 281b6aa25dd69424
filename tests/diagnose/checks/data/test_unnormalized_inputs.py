"""Tests of framework/diagnose/checks/data/unnormalized_inputs.py."""

import numpy as np
import pytest

from framework.data.split import Split
from framework.diagnose.checks.data.unnormalized_inputs import UnnormalizedInputs


@pytest.fixture
def check(examined, context, scans):
    """Returns the finding for the scaling of the inputs, and kinds of layers."""

    def run(scaling, layers=(), images=scans.train.images):
        case = context(Split(images, scans.train.labels), scans.validation)
        case.program.inputs = lambda images: scaling(images.astype(np.float64))
        case.program.outermost = layers
        return examined(UnnormalizedInputs(), case)

    return run


@pytest.mark.parametrize(
    "scaling",
    [
        lambda images: images,
        lambda images: images / 255 / 255,
        lambda images: images / 255 + 100,
    ],
)
def test_unusual_inputs_are_suspected(check, scaling):
    finding = check(scaling)
    assert (finding.cause.name, finding.status) == ("unnormalized_inputs", "suspected")
    assert check(scaling, ("InputLayer", "Dense", "BatchNormalization")) is not None
    assert check(scaling, ("InputLayer", "BatchNormalization", "Dense")) is None


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
def test_silent_on_usual_inputs(check, scaling):
    assert check(scaling) is None


def test_features_of_rows_count_one_by_one(check, scans):
    flat = scans.train.images.reshape(len(scans.train), -1)
    # Black corners of scaled images vary little, or not at all.
    assert check(lambda images: images / 255, images=flat) is None
    assert check(lambda images: images, images=flat) is not None


def test_the_remedy_standardizes(check):
    remedy = check(lambda images: images).remedy
    assert remedy.intervention.differences() == {"standardize": True}


def test_evidence_and_message(check):
    finding = check(lambda images: images)
    assert finding.message == (
        "the network sees inputs of standard deviation 96.1, at most 96.1, and a mean "
        "0.817 times as large; its weights were drawn for inputs around 0 of about 1"
    )
    assert str(finding.evidence[1].threshold) == "above 5"


@pytest.mark.parametrize(
    ("scaling", "values"),
    [
        (lambda images: images.astype(np.int64) // 256, "all values are 0"),
        (lambda images: images[:1].repeat(len(images), axis=0), "those of one image"),
    ],
)
def test_inputs_that_do_not_depend_on_the_image_are_certain(check, scaling, values):
    finding = check(scaling)
    assert (finding.cause.name, finding.status) == ("unnormalized_inputs", "confirmed")
    assert values in finding.message
    assert finding.remedy.intervention is None
    # No layer can bring back what is lost.
    assert check(scaling, ("InputLayer", "BatchNormalization")) is not None
