"""Tests of framework/diagnose/core/model_spec.py; see test_intervention.py as well."""

import pytest

from framework.diagnose.core import model_spec


@pytest.mark.parametrize(
    ("text", "dropout", "factor", "expected"),
    [
        ("mlp", None, 1.0, "mlp"),
        ("mlp", 0.0, 1.0, "mlp"),
        ("mlp((64, 32), .9)", 0.5, 1.0, "mlp(units=(64, 32), dropout=0.5)"),
        ("mlp(units=(3,))", None, 0.1, "mlp(units=(1,))"),
        ("resnet(8)", 0.5, 2.0, "resnet(depth=8, width=32)"),
        ("given(parameters=5)", 0.5, 2.0, "given(parameters=5)"),
        ("given('mine', train=5)", 0.5, 2.0, "given('mine', train=5)"),
        ("mine:net(3, dropout=.1)", 0.5, 2.0, "mine:net(3, dropout=0.5)"),
    ],
)
def test_a_spec_says_what_it_has_arguments_for(text, dropout, factor, expected):
    assert model_spec.changed(text, dropout, factor) == expected
