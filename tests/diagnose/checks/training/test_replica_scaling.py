"""Tests of framework/diagnose/checks/training/replica_scaling.py."""

import pytest

from framework.diagnose.checks.training.replica_scaling import ReplicaScaling
from framework.diagnose.measure.updates import RateResponse, UpdateVectors


@pytest.fixture
def suspicion(measured):
    """Returns the suspicion of steps; a response of None was not measured."""

    def suspect(scales=(1.0, 1.0), cosines=(1.0, 1.0), slower=0.1):
        updates = UpdateVectors((), tuple(scales), tuple(cosines))
        response = () if slower is None else (RateResponse(slower),)
        return ReplicaScaling().suspect(measured(updates, *response))

    return suspect


@pytest.mark.parametrize("slower", [0.1, None])
@pytest.mark.parametrize("scale", [2.0, 0.25, 32.0])
def test_a_constant_factor(suspicion, scale, slower):
    result = suspicion([scale, scale * 1.001], slower=slower)
    assert not result.is_certain
    assert result.message == (
        f"each step uses {scale * 1.001:.3g} times the gradient of the mean loss: "
        f"losses are divided by the wrong number, such as that of one replica"
    )
    assert result.intervention.differences() == {"keras_step": True}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        # Trap H30: correct scaling.
        {"scales": [1.0, 1.001]},
        {"scales": [1.2, 1.2]},
        # Trap H18: clipping scales each step otherwise.
        {"scales": [0.1, 0.14]},
        # Another gradient, not a multiple of this one.
        {"scales": [2.0, 2.0], "cosines": [0.5, 0.99]},
        {"scales": [2.0]},
        {"scales": [], "cosines": []},
        # The step ignores the optimizer's rate: nothing is known.
        {"scales": [0.01, 0.01], "slower": 1.0},
    ],
)
def test_silent_on_what_is_no_constant_factor(suspicion, changes):
    assert suspicion(**changes) is None
