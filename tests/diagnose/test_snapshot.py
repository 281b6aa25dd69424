"""Tests of framework/diagnose/snapshot.py: reading a run changes nothing in it."""

import dataclasses
import shutil

import numpy as np
import pytest

from framework.config import Config
from framework.diagnose import snapshot
from framework.diagnose.conclude import conclude
from framework.errors import RunError, UsageError
from framework.launch import run_folder
from framework.launch.run import run
from framework.system import archive

CONFIG = Config(model="mlp(units=(8,))", batch_size=128, train_for="4ep", keep_best=2)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("snapshot") / "run"
    run(dataclasses.replace(CONFIG, workdir=str(workdir)), quiet=True)
    return workdir


@pytest.fixture
def folder(finished, tmp_path):
    """A copy of a finished run."""
    return shutil.copytree(finished, tmp_path / "run")


def contents(folder):
    """Returns the bytes of every file outside diagnosis/, with its time of change."""
    return {
        path: (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file() and "diagnosis" not in path.relative_to(folder).parts
    }


def without_checkpoints(folder):
    shutil.rmtree(folder / "checkpoints")


def under_way(folder):
    """Leaves what a run has on the disk while it writes the checkpoint of its end."""
    latest = max((folder / "checkpoints").glob("*.npz"))
    latest.rename(folder / "checkpoints" / f"{latest.name}.1a2b3c4d.tmp")
    # It has written that of its best evaluation already.
    assert (folder / "best" / latest.name).exists()


def finished_run(folder):
    pass


@pytest.mark.extended
@pytest.mark.parametrize(
    ("change", "step", "is_best"),
    [
        (finished_run, 44, False),
        pytest.param(under_way, 33, False, marks=pytest.mark.slow),
        (without_checkpoints, None, True),
    ],
)
def test_a_diagnosis_changes_nothing_outside_its_own_folder(
    folder, capsys, change, step, is_best
):
    change(folder)
    before = contents(folder)
    state = snapshot.read(folder)
    assert state.is_best == is_best
    best = {int(path.stem[5:]) for path in (folder / "best").glob("*.npz")}
    assert state.checkpoint.step in ({step} if step else best)
    assert state.rows[-1]["step"] == state.checkpoint.step
    assert len(state.rows) == len(state.predictions)
    conclude(str(folder), budget=0.0)
    assert state.notice in capsys.readouterr().err
    assert contents(folder) == before


def test_the_best_weights_stand_in_for_checkpoints_and_it_is_said(folder):
    without_checkpoints(folder)
    state = snapshot.read(folder)
    accuracies = {row["step"]: row["validation/accuracy"] for row in state.rows}
    assert accuracies[state.checkpoint.step] == max(accuracies.values())
    assert "checkpoints/ holds no weights: diagnosing those of the best" in state.notice


@pytest.mark.parametrize(
    ("remove", "message"),
    [
        (("checkpoints", "best"), "has no weights, neither in checkpoints/ nor"),
        (("predictions",), "has no evaluation yet"),
        (("metrics.jsonl",), "has 0 of 4 evaluations"),
        (("config.json",), r"there is no run in .*: it has no config\.json"),
    ],
)
def test_a_run_that_cannot_be_diagnosed_is_refused_in_one_line(folder, remove, message):
    for name in remove:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    before = contents(folder)
    with pytest.raises((UsageError, RunError), match=message) as caught:
        conclude(str(folder))
    assert "\n" not in str(caught.value)
    assert contents(folder) == before
    assert not (folder / "diagnosis").exists()


def test_a_run_that_has_died_needs_no_evaluation(tmp_path):
    run_folder.write_config(tmp_path, dataclasses.replace(CONFIG, workdir="runs/dead"))
    with pytest.raises(UsageError, match="has no weights"):
        snapshot.read(tmp_path)
    (tmp_path / "nonfinite-step-00000004.npz").touch()
    dead = snapshot.read(tmp_path)
    assert (dead.diverged_in, dead.checkpoint.step, dead.rows) == (4, 0, ())
    assert dead.notice.startswith("training ended in step 4, before its first evalu")


def test_only_a_record_after_the_weights_counts(folder):
    for step, diverged_in in ((40, 0), (46, 46)):
        (folder / f"nonfinite-step-{step:08d}.npz").touch()
        assert snapshot.read(folder).diverged_in == diverged_in


def test_weights_that_are_nan_are_refused(folder):
    path = folder / "checkpoints" / "step-00000044.npz"
    values = {name: value * np.nan for name, value in archive.read(path).items()}
    values.pop("step")
    archive.write(path, 44, values)
    with pytest.raises(RunError, match=r"44\.npz has NaN in model/"):
        snapshot.read(folder)


@pytest.mark.parametrize("step", [11, 44])
def test_an_evaluation_without_predictions_is_left_out_and_it_is_said(
    folder, caplog, step
):
    (folder / "predictions" / f"step-{step:08d}.npz").unlink()
    state = snapshot.read(folder)
    steps = [row["step"] for row in state.rows]
    assert steps == [each for each in (11, 22, 33, 44) if each != step]
    counted = [np.mean(each.predicted == each.labels) for each in state.predictions]
    reported = [row["validation/accuracy"] for row in state.rows]
    assert counted == pytest.approx(reported)
    assert f"the evaluation(s) of step {step} are left out" in caplog.text


def test_the_weights_are_those_of_the_step(folder):
    under_way(folder)
    state = snapshot.read(folder)
    with np.load(folder / "checkpoints" / "step-00000033.npz") as values:
        for name in values.files:
            np.testing.assert_array_equal(state.checkpoint.values[name], values[name])
