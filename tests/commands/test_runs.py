"""Tests of framework/commands/runs.py."""

import json

import pytest

from framework.config import Config
from framework.launch import run_folder
from framework.report.history import History


@pytest.fixture
def folder(tmp_path):
    for name, accuracy in (("a", 0.5), ("b", 0.75)):
        place = tmp_path / "runs" / name
        place.mkdir(parents=True)
        run_folder.write_config(place, Config(train_for="2ep", workdir=str(place)))
        row = {"epoch": 1.0, "validation/accuracy": accuracy}
        History(place / "metrics.jsonl").append(5, row)
    (tmp_path / "script.py").write_text("from framework.commands import main\nmain()")
    return tmp_path


def contents(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_lists_and_writes_nothing(command, folder):
    before = contents(folder / "runs")
    done = command("script", "runs", "--sort=best", folder=folder)
    assert done.returncode == 0, done.stderr
    headings, first, second = done.stdout.splitlines()
    assert headings.split()[:4] == ["run", "state", "epochs", "best"]
    cells = ["b", "incomplete", "1", "0.75", "0.75", "validation/accuracy"]
    assert first.split() == cells
    assert second.split()[0] == "a"
    assert contents(folder / "runs") == before


def test_as_json_with_what_cannot_be_read(command, folder):
    (folder / "runs/a/config.json").write_text("{")
    done = command("script", "runs", "runs", "--json", folder=folder)
    first, second = json.loads(done.stdout)
    assert (first["state"], first["best"]) == ("unreadable", None)
    assert "is not the config of a run" in first["problem"]
    assert (second["best"], second["confirmed"]) == (0.75, [])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing"], "there is no folder nothing"),
        (["runs/a/train"], "there is no folder runs/a/train"),
        (["a", "b", "c"], "two runs to compare, not 3"),
        (["runs/a", "runs/b"], "runs/a has no predictions"),
        (["runs/a", "nothing"], "there is no run in nothing"),
    ],
)
def test_what_cannot_be_listed_or_compared(command, folder, arguments, message):
    done = command("script", "runs", *arguments, folder=folder)
    assert done.returncode == 2
    assert message in done.stderr


def test_prunes_after_a_look_only(command, folder):
    before = contents(folder / "runs")
    arguments = ["runs", "--prune=folders", "--keep=1"]
    done = command("script", *arguments, folder=folder)
    assert done.returncode == 0, done.stderr
    _, first, second, total = done.stdout.splitlines()
    assert first.split()[:3] == ["a", "incomplete", "0.5"]
    assert "KiB" in first
    assert second.endswith("nothing: one of the best 1")
    assert total.startswith("1 of 2 runs, ")
    assert total.endswith("nothing is deleted without --yes")
    assert contents(folder / "runs") == before
    done = command("script", *arguments, "--yes", folder=folder)
    assert done.stdout.splitlines()[-1] == "runs/a: deleted"
    assert {path.name for path in (folder / "runs").iterdir()} == {"b"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--prune=folders"], "--prune=folders needs --keep"),
        (["--yes"], "need --prune"),
        (["--keep=1"], "need --prune"),
        (["--prune=folders", "--keep=-1"], "--keep"),
        (["runs/a", "runs/b", "--prune=folders", "--keep=0"], "takes one folder"),
    ],
)
def test_pruning_that_is_not_clear_is_refused(command, folder, arguments, message):
    before = contents(folder / "runs")
    done = command("script", "runs", *arguments, "--yes", folder=folder)
    assert done.returncode == 2
    assert message in done.stderr
    assert contents(folder / "runs") == before
