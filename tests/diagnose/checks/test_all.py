"""Tests of framework/diagnose/checks/__init__.py, and of what all checks share."""

import ast
import dataclasses
import inspect
import re
import shlex
from pathlib import Path

import pytest

from framework.config import Config
from framework.diagnose.checks import CHECKS
from framework.diagnose.core.causes import CAUSES
from framework.diagnose.core.check import Phase, examine
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import Unavailable
from framework.diagnose.core.settings import TrainingSettings

_SECTIONS = (
    "Why it matters",
    "Evidence",
    "How it is decided",
    "Remedy",
    "Sources",
)
_SETTINGS = TrainingSettings(32, 1000, 32, 10.0, 0.5, 0.5)
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


def suspicions(check):
    """Returns the arguments of all suspicions in the file of a check, by name."""
    tree = ast.parse(Path(inspect.getfile(type(check))).read_text())
    return [
        {keyword.arg for keyword in node.keywords}
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Suspicion"
    ]


@pytest.mark.parametrize("check", CHECKS, ids=_NAMES)
def test_every_suspicion_has_an_action_and_a_change_or_lines(check):
    given = suspicions(check)
    assert given
    for names in given:
        assert "advice" in names
        assert names & {"intervention", "images", "code"}


# The changes that a run has flags for; all others are printed as lines of Keras, with
# an action in words for a run.
_BY_FLAGS = {
    "standardize": "normalize",
    "balance": "sampling",
    "augment": "augment",
    "clip_norm": "clip_norm",
    "weight_decay": "optimizer",
    "batch_size_factor": "batch_size",
    "learning_rate_factor": "learning_rate",
    "constant_learning_rate": "learning_rate",
    "train_for_factor": "train_for",
    "exclude": "exclude",
    "width_factor": "model",
    "dropout": "model",
}
_BY_LINES = {
    "rescale",
    "consistent_loss",
    "reinitialize",
    "activation",
    "shuffle",
    "unfreeze",
    "keras_step",
    "unweighted",
    "train",
}


def test_every_change_has_flags_or_lines():
    fields = {field.name for field in dataclasses.fields(Intervention)} - {"seed"}
    assert fields == {*_BY_FLAGS, *_BY_LINES}
    config = Config(learning_rate=0.5, normalize="none", augment="flip")
    values = {"augment": "", "weight_decay": 0.1, "exclude": ("a.csv",), "dropout": 0.5}
    for name, flag in _BY_FLAGS.items():
        change = Intervention(**{name: values.get(name, 2)})
        words = shlex.split(" ".join(change.flags(config)))
        assert f"--{flag}" in {word.partition("=")[0] for word in words}
        assert change.code(_SETTINGS)
    lines = {"rescale": (2.0, 0.0), "activation": "relu", "train": object()}
    for name in _BY_LINES:
        change = Intervention(**{name: lines.get(name, 2)})
        assert change.flags(config) == ()
        assert change.code(_SETTINGS)
