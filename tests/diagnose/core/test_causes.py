"""Tests of framework/diagnose/core/causes.py."""

import dataclasses

import pytest

from framework.diagnose.core import causes
from framework.diagnose.core.causes import CAUSES, STAGES, Cause


def test_there_are_35_causes_of_unique_names():
    assert len(CAUSES) == len(causes._ALL) == 35
    assert all(name == cause.name for name, cause in CAUSES.items())
    assert len({cause.title for cause in CAUSES.values()}) == 35
    assert len({cause.summary for cause in CAUSES.values()}) == 35


@pytest.mark.parametrize("cause", CAUSES.values(), ids=str)
def test_texts(cause):
    assert cause.name.isidentifier()
    assert cause.name == cause.name.lower()
    assert cause.title[0].isupper()
    assert not cause.title.endswith(".")
    assert cause.summary.endswith(".")
    assert cause.stage in STAGES
    assert str(cause) == cause.name


@pytest.mark.parametrize("cause", CAUSES.values(), ids=str)
def test_references_exist(cause):
    names = {*cause.explained_by, *cause.follows_from, cause.opposite} - {""}
    assert names <= set(CAUSES)
    assert cause.name not in names


@pytest.mark.parametrize("cause", CAUSES.values(), ids=str)
def test_opposites_are_mutual(cause):
    if cause.opposite:
        assert CAUSES[cause.opposite].opposite == cause.name


def test_what_explains_is_examined_before():
    order = list(CAUSES)
    for cause in CAUSES.values():
        for name in cause.explained_by:
            assert order.index(name) < order.index(cause.name)


def test_a_stage_must_be_one_of_the_three():
    with pytest.raises(ValueError, match="'luck' is not one of"):
        Cause("name", "Title", "luck", "Summary.")


def test_causes_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        CAUSES["overfitting"].title = "Another one"
