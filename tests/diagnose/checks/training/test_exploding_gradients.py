"""Tests of framework/diagnose/checks/training/exploding_gradients.py."""

import numpy as np
import pytest

from framework.diagnose.checks.training.exploding_gradients import ExplodingGradients
from framework.diagnose.measure.initial_weights import InitialWeights


@pytest.mark.parametrize(
    ("norms", "is_suspected"),
    [
        ([0.5, 0.7, 1.0], False),
        ([1.0, 500.0], True),
        ([1.0, np.inf], True),
        ([np.nan, 1.0], True),
        ([1.0, np.nan], True),
        ([1.0, 99.0], False),
        ([], False),
    ],
)
def test_gradients_that_explode(measured, norms, is_suspected):
    made = measured(InitialWeights({}, tuple(norms), 1.1))
    assert (ExplodingGradients().suspect(made) is not None) is is_suspected


def test_evidence_and_remedy(measured):
    made = measured(InitialWeights({}, (1.0, 512.0), 1.1))
    suspicion = ExplodingGradients().suspect(made)
    assert not suspicion.is_certain
    assert suspicion.message == "at the first step a layer has a gradient of 512"
    (evidence,) = suspicion.evidence
    assert (evidence.value, str(evidence.threshold)) == (512.0, "above 100")
    assert suspicion.intervention.differences() == {"clip_norm": 1.0}
