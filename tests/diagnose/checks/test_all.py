"""Tests of framework/diagnose/checks/__init__.py, and of what all checks share."""

import dataclasses
import inspect
import re

import pytest

from framework.diagnose.checks import CHECKS
from framework.diagnose.core.causes import CAUSES
from framework.diagnose.core.check import Phase, examine
from framework.diagnose.core.measurement import Unavailable

_SECTIONS = (
    "Why it matters",
    "Evidence",
    "How it is decided",
    "Remedy",
    "Sources",
)
_NAMES = [type(check).__name__ for check in CHECKS]
_MAIN = [check for check in CHECKS if not type(check).__doc__.startswith("See `")]


@pytest.mark.parametrize("check", CHECKS, ids=_NAMES)
def test_without_measurements_no_check_judges(measured, check):
    made = measured()
    result = examine(check, made, trials=None)
    assert isinstance(result, Unavailable)
    assert (result.reason, result.is_failure) == ("it was not given", False)
    assert result in made.unavailable


def test_every_cause_has_a_check():
    assert {check.cause_name for check in CHECKS} == set(CAUSES)
    assert len(set(_NAMES)) == len(_NAMES)


def test_every_cause_has_one_full_description():
    assert {check.cause_name for check in _MAIN} == set(CAUSES)


def test_checks_are_ordered_by_phase_and_cause():
    order = list(CAUSES)
    places = [(check.phase, order.index(check.cause_name)) for check in CHECKS]
    assert places == sorted(places)
    # Training is judged once the data are.
    for check in CHECKS:
        if check.cause.stage == "evaluation" and check.phase > Phase.DATA:
            assert check.cause_name == "train_eval_mismatch"


@pytest.mark.parametrize("check", _MAIN, ids=lambda check: type(check).__name__)
def test_docstrings_have_all_sections(check):
    text = inspect.getdoc(type(check))
    headings = re.findall(r"^([A-Z][\w ]+):$", text, re.MULTILINE)
    assert [each for each in headings if each in _SECTIONS] == list(_SECTIONS)


@pytest.mark.parametrize("check", CHECKS, ids=_NAMES)
def test_every_threshold_is_described(check):
    fields = {field.name for field in dataclasses.fields(check)}
    _, _, attributes = inspect.getdoc(type(check)).partition("Attributes:\n")
    described = set(re.findall(r"^    (\w+): ", attributes, re.MULTILINE))
    assert fields == described


@pytest.mark.parametrize("check", CHECKS, ids=_NAMES)
def test_thresholds_can_be_replaced(check):
    changes = {
        field.name: getattr(check, field.name) for field in dataclasses.fields(check)
    }
    assert dataclasses.replace(check, **changes) == check


@pytest.mark.parametrize("check", CHECKS, ids=_NAMES)
def test_each_file_is_named_after_its_cause(check):
    _, _, stage, name = type(check).__module__.rsplit(".", 3)
    assert (stage, name) == (check.cause.stage, check.cause_name)
