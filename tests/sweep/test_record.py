"""Tests of framework/sweep/record.py."""

import pytest

from framework.errors import UsageError
from framework.sweep import record

FIELDS = {"space": {"ema": "[0.0, 0.5]", "seeds": [0, 1]}, "sampler": "tpe"}


def test_the_same_sweep_has_the_same_study_and_other_folders_have_others(tmp_path):
    first = record.opened(tmp_path / "a", FIELDS)
    assert record.opened(tmp_path / "a", FIELDS) == first
    assert record.opened(tmp_path / "b", FIELDS) != first


def test_another_sweep_is_refused_with_its_differences(tmp_path):
    record.opened(tmp_path, FIELDS)
    other = {"space": {"ema": "[0.0, 0.9]", "seeds": [0, 1]}, "sampler": "tpe"}
    with pytest.raises(UsageError, match="has another sweep") as error:
        record.opened(tmp_path, other)
    lines = str(error.value).splitlines()[1:]
    assert lines == ["    space.ema: [0.0, 0.5] -> [0.0, 0.9]"]


def test_a_folder_of_something_else_is_refused_and_left_alone(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UsageError, match="something other than a sweep"):
        record.opened(tmp_path, FIELDS)
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"study": "a"}'])
def test_a_damaged_file_is_refused(tmp_path, content):
    (tmp_path / "sweep.json").write_text(content)
    with pytest.raises(UsageError, match="is not the file of a sweep"):
        record.opened(tmp_path, FIELDS)


def test_a_run_knows_its_sweep_and_others_have_none(tmp_path):
    record.opened(tmp_path / "a", FIELDS)
    run = record.run_folder(tmp_path / "a", 3, 1)
    assert record.sweep_of(run) == tmp_path / "a"
    assert record.sweep_of(tmp_path / "a" / "mine" / "seed-1") is None
    assert record.sweep_of(record.run_folder(tmp_path / "b", 3, 1)) is None
    assert record.seeds(tmp_path / "a") == (0, 1)


def test_outcomes_are_read_and_what_is_none_is_ignored(tmp_path):
    for number, state in enumerate(["complete", "pruned", "failed"]):
        record.trial_folder(tmp_path, number).mkdir()
        record.write_outcome(tmp_path, number, state)
    for number, text in enumerate(["{", '{"state": ["complete"]}', "{}"], 3):
        record.trial_folder(tmp_path, number).mkdir()
        (record.trial_folder(tmp_path, number) / "outcome.json").write_text(text)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "outcome.json").write_text('{"state": "complete"}')
    assert record.outcomes(tmp_path) == {0: "complete", 1: "pruned", 2: "failed"}
