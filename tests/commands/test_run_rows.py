"""Tests of framework/commands/run_rows.py."""

import json
import math
from pathlib import Path

import pytest

from framework.commands import run_rows
from framework.config import Config
from framework.launch.run_list import RunSummary
from framework.sweep import record


def run(folder, last=0.5, **fields):
    config = Config(workdir=str(folder))
    return RunSummary(folder, config, "", 10, 2.0, 10, last + 0.25, last, **fields)


@pytest.fixture
def runs(tmp_path):
    """The runs of a sweep of two trials, between two other runs."""
    sweep = tmp_path / "b"
    record.opened(sweep, {"space": {"seeds": [0, 1]}})
    for number, state in enumerate(["complete", "pruned"]):
        record.trial_folder(sweep, number).mkdir()
        record.write_outcome(sweep, number, state)
    return [
        run(tmp_path / "a"),
        run(record.run_folder(sweep, 0, 0), 0.5),
        run(record.run_folder(sweep, 0, 1), 0.625),
        run(record.run_folder(sweep, 1, 0), 0.25),
        run(tmp_path / "c"),
    ]


def test_a_sweep_is_one_row_at_its_place(tmp_path, runs):
    cells = [row.cells(tmp_path) for row in run_rows.by_sweep(runs, tmp_path)]
    monitor = "validation/accuracy"
    assert cells == [
        ("a", "complete", "2", "0.75", "0.5", monitor, ""),
        (
            "b",
            "sweep: 1 complete, 1 pruned",
            "",
            "0.8125 +- 0.79",
            "0.5625 +- 0.79",
            monitor,
            "",
        ),
        ("c", "complete", "2", "0.75", "0.5", monitor, ""),
    ]


def test_in_the_folder_of_a_sweep_its_runs_are_listed(tmp_path, runs):
    for root in (tmp_path / "b", tmp_path / "b" / "trial-0000"):
        inside = [each for each in runs if root in each.folder.parents]
        rows = run_rows.by_sweep(inside, root)
        assert [row.folder for row in rows] == [each.folder for each in inside]


def test_the_json_of_a_sweep_has_that_of_its_runs(tmp_path, runs):
    first, sweep, _ = (row.fields for row in run_rows.by_sweep(runs, tmp_path))
    assert json.loads(json.dumps(sweep, allow_nan=False)) == sweep
    assert (first["kind"], sweep["kind"]) == ("run", "sweep")
    assert sweep["trials"] == {"complete": 1, "pruned": 1}
    assert sweep["best_trial"] == str(tmp_path / "b" / "trial-0000")
    assert (sweep["best"], sweep["last"]) == (0.8125, 0.5625)
    low, high = sweep["last_interval"]
    assert low < 0.5 < 0.625 < high
    assert sweep["runs"] == [run_rows.of_run(each).fields for each in runs[1:4]]


def test_one_seed_has_no_interval_and_no_complete_trial_no_value(tmp_path):
    record.opened(tmp_path / "b", {"space": {"seeds": [0]}})
    member = run(record.run_folder(tmp_path / "b", 0, 0), is_inexact=True)
    (row,) = run_rows.by_sweep([member], tmp_path)
    assert row.cells(tmp_path)[1:5] == (
        "sweep: 1 complete, inexact",
        "",
        "0.75",
        "0.5",
    )
    assert row.fields["last_interval"] == [None, None]
    member = RunSummary(member.folder, member.config, "damaged")
    (row,) = run_rows.by_sweep([member], tmp_path)
    assert row.cells(tmp_path)[1:5] == ("sweep: 1 incomplete", "", "", "")
    assert math.isnan(row.best.value)
    assert row.fields["best"] is None


def test_a_sweep_whose_file_is_damaged_is_listed_by_its_runs(tmp_path, runs):
    (tmp_path / "b" / "sweep.json").write_text("{")
    rows = run_rows.by_sweep(runs, tmp_path)
    assert [row.folder for row in rows] == [each.folder for each in runs]


def test_an_unreadable_run_is_a_row(tmp_path):
    row = run_rows.of_run(RunSummary(Path("a"), None, "it is damaged"))
    assert row.cells(Path())[:5] == ("a", "unreadable", "0", "", "")
    assert row.fields["problem"] == "it is damaged"
