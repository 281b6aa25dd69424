"""Tests of framework/commands/runs.py."""

import fcntl
import json
import os

import pytest

from framework.config import Config
from framework.launch import run_folder
from framework.report.history import History
from framework.sweep import record


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


@pytest.fixture
def sweep(folder):
    """A sweep beside the runs: a complete trial, and one that was pruned."""
    place = folder / "runs" / "lr"
    record.opened(place, {"space": {"seeds": [0, 1]}})
    for number, seeds, state in ((0, 2, "complete"), (1, 1, "pruned")):
        for seed in range(seeds):
            run = record.run_folder(place, number, seed)
            run.mkdir(parents=True)
            run_folder.write_config(run, Config(train_for="1ep", workdir=str(run)))
            row = {"epoch": 1.0, "validation/accuracy": 0.5 + seed / 4 - number / 4}
            History(run / "metrics.jsonl").append(5, row)
        record.write_outcome(place, number, state)
    return place


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


def test_a_sweep_is_one_line_and_with_trials_a_line_for_each_run(
    command, folder, sweep
):
    before = contents(folder / "runs")
    done = command("script", "runs", "--sort=last", folder=folder)
    assert done.returncode == 0, done.stderr
    _, first, second, third, hint = done.stdout.splitlines()
    assert [first.split()[0], third.split()[0]] == ["b", "a"]
    assert second.startswith("lr   sweep: 1 complete, 1 pruned  ")
    assert "0.625 +- 1.6" in second
    assert hint == "--trials lists the runs of sweeps"
    (_, _, entry) = json.loads(
        command("script", "runs", "--json", folder=folder).stdout
    )
    assert entry["trials"] == {"complete": 1, "pruned": 1}
    assert len(entry["runs"]) == 3
    done = command("script", "runs", "--trials", folder=folder)
    assert [line.split()[0] for line in done.stdout.splitlines()[1:]] == [
        "a",
        "b",
        "lr/trial-0000/seed-0",
        "lr/trial-0000/seed-1",
        "lr/trial-0001/seed-0",
    ]
    assert contents(folder / "runs") == before


def test_pruning_lists_each_run_of_a_sweep_and_deletes_no_other(command, folder, sweep):
    arguments = ["runs", "--prune=folders", "--keep=2"]
    done = command("script", *arguments, folder=folder)
    listed = {
        line.split()[0]
        for line in done.stdout.splitlines()
        if line.rstrip().endswith("iB") and not line.startswith("3 of 5")
    }
    assert listed == {"a", "lr/trial-0000/seed-0", "lr/trial-0001/seed-0"}
    # In use since then.
    descriptor = os.open(sweep / "trial-0001/seed-0", os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    before = set((folder / "runs").rglob("*"))
    done = command("script", *arguments, "--yes", folder=folder)
    os.close(descriptor)
    assert done.returncode == 0, done.stderr
    deleted = before - set((folder / "runs").rglob("*"))
    roots = (folder / "runs/a", sweep / "trial-0000/seed-0")
    assert set(roots) <= deleted
    assert all(any(path.is_relative_to(x) for x in roots) for path in deleted)


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
