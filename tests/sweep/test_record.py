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
