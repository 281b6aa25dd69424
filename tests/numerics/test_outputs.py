"""Tests of framework/numerics/outputs.py."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from framework.numerics import outputs

_SHAPES = st.tuples(st.integers(1, 6), st.integers(1, 5))
_OUTPUTS = arrays(
    np.float32,
    _SHAPES,
    elements=st.floats(-60, 60, width=32) | st.floats(0, 1, width=32),
)


@given(_OUTPUTS)
def test_probabilities_add_up_to_one(values):
    probabilities = np.exp(outputs.log_probabilities(values))
    assert probabilities.shape == (len(values), max(values.shape[1], 2))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)


@given(_OUTPUTS)
def test_what_is_named_is_as_likely_as_anything(values):
    logs = outputs.log_probabilities(values)
    named = logs[np.arange(len(values)), outputs.predicted(values)]
    np.testing.assert_allclose(named, logs.max(axis=1), atol=1e-6)


def test_logits_and_their_softmax_say_the_same():
    logits = np.random.default_rng(0).normal(0, 4, (20, 7)).astype(np.float32)
    softmax = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(
        outputs.log_probabilities(logits), outputs.log_probabilities(softmax), atol=1e-4
    )


def test_one_output_stands_for_two_classes():
    logits = np.array([[-2.0], [3.0]], np.float32)
    shares = 1 / (1 + np.exp(-logits))
    np.testing.assert_allclose(
        outputs.log_probabilities(logits), outputs.log_probabilities(shares), atol=1e-5
    )
    assert outputs.predicted(logits).tolist() == [0, 1]
    assert outputs.predicted(shares).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("values", "probabilities", "shares"),
    [
        ([[0.2, 0.8], [1.0, 0.0]], True, True),
        ([[0.9, 0.8], [0.1, 0.0]], False, True),
        ([[-0.1, 1.1]], False, False),
        # Sums of float32 are not exact; but a half is no rounding.
        ([[0.5, 0.5004]], True, True),
        ([[0.5, 0.502]], False, True),
        # A softmax of one says nothing.
        ([[1.0], [1.0]], False, True),
        ([[np.nan, 1.0]], False, False),
        ([[np.inf, 1.0]], False, False),
    ],
)
def test_kinds_of_heads_are_told_apart(values, probabilities, shares):
    values = np.array(values, np.float32)
    assert outputs.are_probabilities(values) is probabilities
    assert outputs.are_shares(values) is shares


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_not_a_warning(bad):
    """A model that has diverged is to be diagnosed as well."""
    values = np.array([[bad, bad, bad], [1.0, 3.0, 2.0]], np.float32)
    assert outputs.predicted(values)[1] == 1
    logs = outputs.log_probabilities(values)
    assert np.isnan(logs[0]).all()
    assert np.exp(logs[1]).sum() == pytest.approx(1)
