"""Tests of framework/diagnose/change.py."""

import dataclasses

import pytest
from framework.diagnose.change import Change
from hypothesis import given
from hypothesis import strategies as st

_FACTORS = ("learning_rate", "batch_size", "width")
_POWERS = st.sampled_from([0.25, 0.5, 1.0, 2.0, 4.0])
_CHANGES = st.builds(
    Change,
    learning_rate=_POWERS,
    batch_size=_POWERS,
    width=_POWERS,
    standardize=st.booleans(),
    activation=st.sampled_from(["", "relu", "leaky_relu"]),
    dropout=st.sampled_from([None, 0.0, 0.5]),
    weight_decay=st.sampled_from([None, 0.0, 0.01]),
    augment=st.sampled_from([None, "", "flip"]),
    shuffle=st.booleans(),
)


@given(_CHANGES)
def test_no_change_is_the_identity(change):
    assert (change | Change()).differences() == change.differences()
    assert (Change() | change).differences() == change.differences()


@given(_CHANGES, _CHANGES)
def test_factors_multiply_and_else_the_later_rules(one, other):
    both = one | other
    for name in _FACTORS:
        assert getattr(both, name) == getattr(one, name) * getattr(other, name)
    wanted = one.differences() | other.differences()
    for name in {field.name for field in dataclasses.fields(Change)} - {*_FACTORS}:
        assert getattr(both, name) == wanted.get(name, getattr(Change(), name))


@given(_CHANGES, _CHANGES, _CHANGES)
def test_changes_can_be_grouped(one, other, third):
    left, right = (one | other) | third, one | (other | third)
    assert left.differences() == right.differences()


@pytest.mark.parametrize(
    ("change", "differences"),
    [
        (Change(), {}),
        (Change(learning_rate=1.0, dropout=None), {}),
        # To take something away is a change as well.
        (Change(dropout=0.0), {"dropout": 0.0}),
        (Change(weight_decay=0.0), {"weight_decay": 0.0}),
        (Change(augment=""), {"augment": ""}),
        (Change(trainable=True, width=2), {"trainable": True, "width": 2}),
    ],
)
def test_differences_are_what_is_not_at_its_default(change, differences):
    assert change.differences() == differences


def test_images_to_train_on_are_a_difference(scans):
    change = Change(train=scans.train)
    assert change.differences() == {"train": scans.train}
    assert (change | Change(dropout=0.1)).train is scans.train
