"""Tests of framework/models/freezing.py."""

import keras
import pytest

from framework.config.update_rules import parse_freeze, parse_scales
from framework.errors import UsageError
from framework.models import freezing
from framework.models.layers import batch_norm


def net(norm=batch_norm):
    inputs = keras.Input((8, 8, 3))
    features = norm()(keras.layers.Conv2D(2, 3, use_bias=False, name="stem")(inputs))
    features = keras.layers.Conv2D(2, 3, name="second")(features)
    features = keras.layers.GlobalAveragePooling2D()(features)
    return keras.Model(inputs, keras.layers.Dense(4)(features))


def plan(model, freeze="", lr_scale=""):
    return freezing.plan(
        model,
        parse_freeze(freeze),
        parse_scales(lr_scale),
        lambda rule: rule.until and rule.until.steps(10, 100),
    )


def norm_of(model):
    return next(each for each in model.layers if hasattr(each, "frozen_until"))


@pytest.mark.parametrize(
    ("freeze", "frozen", "norm"),
    [
        ("backbone", [None, None, None, None, None, 0, 0], None),
        ("head until 30%", [0, 0, 0, 0, 0, 30, 30], 0),
        ("stem until 2ep, backbone until 50", [20, 50, 50, 50, 50, 0, 0], 50),
        ("kernel$", [None, 0, 0, None, 0, None, 0], 0),
        ("gamma|beta", [0, None, None, 0, 0, 0, 0], 0),
        ("batch_normalization/", [0, None, None, 0, 0, 0, 0], None),
    ],
)
def test_when_each_weight_is_trained(freeze, frozen, norm):
    model = net()
    assert list(plan(model, freeze).frozen_until) == frozen
    assert norm_of(model).frozen_until == norm


@pytest.mark.parametrize(
    ("lr_scale", "factors"),
    [
        ("backbone: .1", [0.1] * 5 + [1.0, 1.0]),
        ("stem: .5, backbone: .1, head: 2", [0.5, 0.1, 0.1, 0.1, 0.1, 2.0, 2.0]),
        ("layerwise(.5)", [0.25, 0.25, 0.25, 0.5, 0.5, 1.0, 1.0]),
        ("layerwise(.5), head: 3", [0.25, 0.25, 0.25, 0.5, 0.5, 3.0, 3.0]),
    ],
)
def test_the_factor_of_each_weight(lr_scale, factors):
    assert list(plan(net(), lr_scale=lr_scale).factors) == factors


def test_rules_are_described_with_what_they_match():
    rules = plan(net(), "backbone until 30%", "head: 2, layerwise(.5)")
    assert rules.lines == {
        "frozen": "backbone until step 30 (5 of 7 trainable weights)",
        "update factors": "head x 2 (2 weights); layerwise, x 0.25 to 1 over 3 layers",
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"freeze": "steem"}, "--freeze: 'steem' matches no trainable .*stem/kernel"),
        ({"lr_scale": "steem: 1"}, "--lr_scale: 'steem' matches no .*dense/kernel"),
        ({"freeze": "moving"}, "matches no trainable weight"),
        ({"freeze": ".*"}, "leaves no weight to train"),
        ({"freeze": "backbone", "norm": True}, "is Keras's BatchNormalization"),
    ],
)
def test_rules_that_cannot_hold(changes, message):
    changes = dict(changes)
    norm = keras.layers.BatchNormalization if changes.pop("norm", 0) else batch_norm
    with pytest.raises(UsageError, match=message):
        plan(net(norm), **changes)
