"""Tests of framework/launch/pruning.py."""

import fcntl
import os

import numpy as np
import pytest

from framework.config import Config
from framework.errors import UsageError
from framework.launch import pruning, run_folder, run_list
from framework.loop import checkpoint_files
from framework.report.history import History
from framework.system import archive


def made(place, accuracy=0.5, steps=10, **changes):
    """Makes the folder of a run of ten steps, and returns it."""
    for name in ("checkpoints", "best", "predictions", "diagnosis/trials/a"):
        (place / name).mkdir(parents=True)
    run_folder.write_config(
        place, Config(**{"train_for": "2ep", "workdir": str(place), **changes})
    )
    metrics = {"epoch": steps / 5, "validation/accuracy": accuracy}
    metrics["validation/loss"] = accuracy
    History(place / "metrics.jsonl").append(steps, metrics)
    for name in ("checkpoints", "best"):
        path = place / name / checkpoint_files.file_name(steps)
        archive.write(path, steps, {"a": np.zeros(100)})
    (place / "diagnosis/trials/a/config.json").write_text("{}")
    return place


@pytest.fixture
def root(tmp_path):
    return tmp_path / "runs"


def plan(root, kind, keep=0):
    runs = [run_list.summarize(folder) for folder in run_list.find(root)]
    return {
        each.run.folder.name: each.kept or each.size
        for each in pruning.plan(runs, kind, keep)
    }


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.is_dir() or path.read_bytes()
        for path in folder.rglob("*")
    }


@pytest.mark.parametrize("kind", pruning.KINDS)
def test_a_plan_changes_nothing(root, kind):
    folder = made(root / "a")
    before = contents(root)
    files = [path for path in folder.rglob("*") if path.is_file()]
    if kind == "checkpoints":
        files = [path for path in files if path.parent.name == "checkpoints"]
    assert plan(root, kind) == {"a": sum(path.stat().st_size for path in files)}
    assert contents(root) == before


def test_checkpoints_of_complete_runs_go_and_their_results_stay(root):
    folder = made(root / "a")
    before = contents(folder)
    assert pruning.delete(folder, "checkpoints") == ""
    gone = set(before) - set(contents(folder))
    assert gone == {"checkpoints/step-00000010.npz"}
    assert plan(root, "checkpoints") == {"a": "it has no checkpoints"}
    made(root / "b", steps=5)
    made(root / "c")
    best = root / "c/best/step-00000010.npz"
    best.write_bytes(best.read_bytes()[:-9])
    kept = plan(root, "checkpoints")
    assert kept["b"] == "incomplete: it could not be resumed"
    assert kept["c"] == "best/ has no readable weights"


def test_the_best_runs_are_kept_by_their_monitor(root):
    for name, value in (("a", 0.5), ("b", 0.9), ("c", 0.7)):
        made(root / name, value)
    kept = plan(root, "folders", 2)
    assert kept["b"] == kept["c"] == "one of the best 2"
    assert isinstance(kept["a"], int)
    for name in "abc":
        config = Config(monitor="validation/loss", train_for="2ep")
        run_folder.write_config(root / name, config)
    assert plan(root, "folders", 1)["a"] == "one of the best 1"
    made(root / "d")
    with pytest.raises(UsageError, match=r"different --monitor, validation/acc.*, val"):
        plan(root, "folders", 1)
    assert isinstance(plan(root, "folders")["d"], int)


def test_a_run_is_deleted_and_nothing_beside_it(root):
    folder, other = made(root / "a"), made(root / "b")
    before = contents(other)
    assert pruning.delete(folder, "folders") == ""
    assert not folder.exists()
    assert contents(other) == before


@pytest.mark.parametrize(
    ("place", "reason"),
    [("", "running"), ("diagnosis", "being diagnosed, or its remedy proven")],
)
@pytest.mark.parametrize("kind", pruning.KINDS)
def test_a_run_in_use_is_never_touched(root, place, reason, kind):
    folder = made(root / "a")
    before = contents(root)
    descriptor = os.open(folder / place, os.O_RDONLY)
    # As those do that share a proof.
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    try:
        assert plan(root, kind) == {"a": reason}
        assert pruning.delete(folder, kind) == reason
    finally:
        os.close(descriptor)
    assert contents(root) == before


@pytest.mark.parametrize("name", ["notes.txt", "more"])
def test_a_folder_with_other_files_is_never_touched(root, name):
    folder = made(root / "a")
    other = folder / name
    other.mkdir() if name == "more" else other.write_text("mine")
    before = contents(root)
    assert plan(root, "folders") == {"a": f"{name} is not of a run"}
    assert pruning.delete(folder, "folders") == f"{name} is not of a run"
    assert contents(root) == before


def test_a_folder_with_another_programs_config_is_never_touched(root):
    (root / "bert").mkdir(parents=True)
    (root / "bert/config.json").write_text('{"hidden_size": 768}')
    assert "not a readable run" in plan(root, "folders")["bert"]
    assert "not a readable run" in pruning.delete(root / "bert", "folders")
    assert (root / "bert/config.json").exists()


def test_links_lead_nowhere(root, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "step-00000010.npz").write_bytes(b"mine")
    folder = made(root / "a")
    (folder / "diagnosis/trials/a/out").symlink_to(outside)
    (folder / "predictions/out").symlink_to(outside / "step-00000010.npz")
    (root / "link").symlink_to(made(tmp_path / "elsewhere"))
    linked = made(root / "b")
    for path in (linked / "checkpoints").iterdir():
        path.unlink()
    (linked / "checkpoints").rmdir()
    (linked / "checkpoints").symlink_to(outside)
    for kind in pruning.KINDS:
        assert pruning.delete(linked, kind) == "checkpoints is a symbolic link"
    assert set(plan(root, "folders")) == {"a", "b"}
    assert pruning.delete(folder, "folders") == ""
    assert "cannot be opened" in pruning.delete(root / "link", "folders")
    assert (outside / "step-00000010.npz").read_bytes() == b"mine"
    assert (tmp_path / "elsewhere/config.json").exists()


def test_what_is_half_deleted_is_deleted_by_the_same_call(root, monkeypatch):
    folder = made(root / "a")
    unlink = type(folder).unlink

    def killed(path, *args, **kwargs):
        if path.name == "metrics.jsonl":
            raise PermissionError(13, "Permission denied", str(path))
        unlink(path, *args, **kwargs)

    monkeypatch.setattr(type(folder), "unlink", killed)
    with pytest.raises(PermissionError):
        pruning.delete(folder, "folders")
    assert (folder / "config.json").exists()
    monkeypatch.undo()
    assert isinstance(plan(root, "folders")["a"], int)
    assert pruning.delete(folder, "folders") == ""
    assert not folder.exists()


def test_a_run_whose_list_another_one_leaves_out_is_kept(root):
    made(root / "a")
    made(root / "b", exclude=str(root / "a/diagnosis/flagged.csv"))
    kept = plan(root, "folders")
    assert kept["a"].startswith(f"{root / 'b'} has --exclude=")
    assert isinstance(kept["b"], int)
