"""Tests of the table of published programs, and of the papers' rule."""

import json
import pathlib

import pytest

from benchmarks.zoo import published
from benchmarks.zoo.cases import CASES
from framework.diagnose.core.causes import CAUSES

PAGE = pathlib.Path(__file__).parents[3] / "docs/explanation/published-programs.md"
BY_NAME = {each.name: each for each in published.PROGRAMS}


def test_there_are_fifty_two():
    assert len(BY_NAME) == len(published.PROGRAMS) == 52


@pytest.mark.parametrize("program", published.PROGRAMS, ids=lambda each: each.name)
def test_a_program_is_rebuilt_by_cases_of_the_zoo_or_says_why_not(program):
    assert set(program.cases) <= set(CASES)
    assert program.why


def test_fault_types_are_those_of_causes_or_of_none():
    kinds = {kind for each in published.PROGRAMS for kind in each.faults}
    assert kinds <= published.types(CAUSES)


@pytest.mark.parametrize(
    ("name", "causes", "right"),
    [
        ("48385830", ["learning_rate_too_high"], True),
        ("48385830", ["overfitting", "loss_output_mismatch"], True),
        ("48385830", ["overfitting"], False),
        ("48385830", [], False),
        ("59325381", ["illegal_labels"], True),
        # The benchmark calls it correct.
        ("41372874", [], True),
        ("41372874", ["overfitting"], False),
    ],
)
def test_one_true_fault_type_is_enough(name, causes, right):
    assert published.is_right(BY_NAME[name], causes) == right


def test_the_score_counts_what_was_diagnosed():
    named = {
        "two clouds": ["stopped_too_early"],
        "parity": ["overfitting"],
        "another case": ["overfitting"],
    }
    found = published.scored(named)
    assert found.value == 0.5


def test_causes_are_read_of_seed_zero_and_confirmed_alone(tmp_path):
    path = tmp_path / "results.jsonl"
    findings = [
        {"cause": "overfitting", "status": "confirmed"},
        {"cause": "label_noise", "status": "suspected"},
    ]
    lines = [
        {"kind": "diagnosed", "case": "a", "seed": 0, "findings": findings},
        {"kind": "diagnosed", "case": "a", "seed": 1, "findings": []},
        {"kind": "diagnosed", "case": "b", "seed": 0, "error": "OSError"},
        {"kind": "broken", "case": "c", "seed": 0, "accuracy": 0.5},
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert published.read(path) == {"a": ["overfitting"]}


def test_the_page_of_the_documentation_has_the_table():
    assert published.page() in PAGE.read_text()
