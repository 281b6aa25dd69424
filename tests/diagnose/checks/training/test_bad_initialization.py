"""Tests of framework/diagnose/checks/training/bad_initialization.py."""

import pytest

from framework.diagnose.checks.training.bad_initialization import BadInitialization
from framework.diagnose.measure.initial_weights import InitialWeights


def weights(spreads=(1.0, 0.8), growth=1.1):
    return InitialWeights(
        spreads={f"layer{place}/kernel": each for place, each in enumerate(spreads)},
        gradient_norms=(0.5, 0.7, 1.0),
        growth=growth,
    )


@pytest.mark.parametrize(
    ("spreads", "is_suspected"),
    [
        ([1.0, 0.8], False),
        ([0.0, 0.8], True),
        ([0.09, 0.8], True),
        ([0.11, 0.8], False),
        ([10.0, 0.8], True),
        ([0.8, 10.0], True),
        ([0.3, 3.0], False),
        # Traps H7 and H28: a last layer of zeros; LSUV.
        ([0.8, 0.0], False),
        ([1.2, 0.9], False),
        # But an only layer of zeros is no last one, and yet learns: it may be tried.
        ([0.0], True),
        ([], False),
    ],
)
def test_kernels_of_an_unusual_size(measured, spreads, is_suspected):
    suspicion = BadInitialization().suspect(measured(weights(spreads)))
    assert (suspicion is not None) is is_suspected


@pytest.mark.parametrize(("growth", "is_suspected"), [(9.0, False), (30.0, True)])
def test_signals_that_grow_from_layer_to_layer(measured, growth, is_suspected):
    suspicion = BadInitialization().suspect(measured(weights(growth=growth)))
    assert (suspicion is not None) is is_suspected


def test_evidence_and_remedy(measured):
    suspicion = BadInitialization().suspect(measured(weights([0.0, 0.8])))
    assert not suspicion.is_certain
    assert suspicion.message == (
        "initial kernels have from 0 to 0.8 times the spread that keeps signals of one "
        "size from layer to layer, which grow 1.1-fold through the hidden layers: "
        "all units of a layer are equal"
    )
    assert [(e.value, str(e.threshold)) for e in suspicion.evidence] == [
        (0.0, "below 0.1"),
        (0.8, "above 4"),
        (1.1, "above 10"),
    ]
    assert suspicion.intervention.differences() == {"reinitialize": True}
