"""Tests of framework/launch/openings.py."""

import dataclasses
import json
import os
import re

import pytest

from framework.errors import RunError
from framework.launch import openings
from framework.launch.openings import Opening

OPENING = Opening("evaluate", 40, "best", 0.75, 20, "f00d")


def test_each_opening_is_a_line(tmp_path):
    assert openings.count(tmp_path) == 0
    for number in range(3):
        assert openings.prepare(tmp_path) == number
        openings.record(tmp_path, OPENING)
    lines = openings.path_of(tmp_path).read_text().splitlines()
    assert len(lines) == openings.count(tmp_path) == 3
    fields = json.loads(lines[0])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", fields.pop("time"))
    assert fields == {
        "command": "evaluate",
        "step": 40,
        "weights": "best",
        "accuracy": 0.75,
        "images": 20,
        "digest": "f00d",
    }


def test_a_damaged_line_is_an_opening_too(tmp_path):
    openings.prepare(tmp_path)
    openings.path_of(tmp_path).write_bytes(b"\xff{\n\n[]\n")
    assert openings.prepare(tmp_path) == 2


def test_openings_are_read_in_order(tmp_path):
    assert openings.read(tmp_path) == []
    for weights in ("best", "last"):
        openings.prepare(tmp_path)
        openings.record(tmp_path, dataclasses.replace(OPENING, weights=weights))
    with openings.path_of(tmp_path).open("ab") as file:
        file.write(b"\xff{\n\n[]\n")
    weights = [each.get("weights") for each in openings.read(tmp_path)]
    assert weights == ["best", "last", None, None]
    assert len(weights) == openings.count(tmp_path)


@pytest.mark.parametrize("what", ["link", "file", "link in it", "folder in it"])
def test_what_is_no_place_of_this_run_is_not_written_to(tmp_path, what):
    run, elsewhere = tmp_path / "run", tmp_path / "elsewhere"
    run.mkdir()
    elsewhere.mkdir()
    folder = run / "diagnosis"
    if what == "link":
        folder.symlink_to(elsewhere)
    elif what == "file":
        folder.write_bytes(b"")
    else:
        folder.mkdir()
        path = openings.path_of(run)
        path.mkdir() if what == "folder in it" else path.symlink_to(elsewhere / "x")
    with pytest.raises(RunError, match=r"not opened, because|cannot be read"):
        openings.prepare(run)
    assert not list(elsewhere.iterdir())


def test_a_read_only_folder_is_one_error(tmp_path, monkeypatch):
    # Root may write everywhere.
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(
        RunError, match=r"permission denied.*; copy the run to a folder"
    ):
        openings.prepare(tmp_path)


@pytest.mark.parametrize(
    ("before", "text"),
    [
        (0, "for the first time (recorded"),
        (1, "once before; choices"),
        (7, "7 times before; choices"),
    ],
)
def test_the_notice_says_how_often(tmp_path, before, text):
    assert text in openings.notice(tmp_path, before)
