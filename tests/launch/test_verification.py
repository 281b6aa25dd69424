"""Tests of framework/launch/verification.py."""

import dataclasses
import json
import os
import shutil
import signal

import numpy as np
import pytest

from benchmarks.faults import tampering
from benchmarks.faults.same_run import SMALL
from framework.errors import Stopped, UsageError
from framework.launch.run import run
from framework.launch.verification import AGREES, DIFFERS, UNDECIDED, verify
from framework.loop.evaluator import Evaluator
from framework.loop.train_loop import TrainLoop
from framework.system import archive


def trained(folder, **changes):
    """Trains a run in a folder; returns its path."""
    config = dataclasses.replace(SMALL, workdir=str(folder / "run"), **changes)
    run(config, quiet=True)
    return folder / "run"


def listing(folder):
    """Returns the content and the time of each file, and the times of the folders."""
    return {
        path: (path.read_bytes() if path.is_file() else b"", path.stat().st_mtime_ns)
        for path in sorted([folder, *folder.rglob("*")])
    }


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("original"))


@pytest.fixture
def folder(original, tmp_path):
    return shutil.copytree(original, tmp_path / "run")


def test_a_run_agrees_and_its_folder_is_unchanged(original):
    before = listing(original)
    result = verify(str(original), share=1.0)
    assert (result.verdict, result.differences, result.environment) == (AGREES, [], [])
    assert result.covered == result.steps == 33
    assert result.evaluations == 3
    assert "checked 33 of 33 steps (100.0%): " in str(result)
    assert listing(original) == before


def test_a_share_is_checked_by_whole_stretches(original):
    result = verify(str(original), share=0.02, seed=1)
    assert len(result.recomputed) == 1
    assert result.covered < result.steps
    again = verify(str(original), share=0.02, seed=1)
    assert again.recomputed == result.recomputed


def latest(folder):
    return max(folder.glob("checkpoints/*.npz"))


def test_a_changed_array_is_named_with_its_place(folder):
    path = latest(folder)
    values = {name: value.copy() for name, value in archive.read(path).items()}
    values["optimizer/2"][1, 3] = np.nextafter(values["optimizer/2"][1, 3], np.inf)
    archive.write(path, int(values.pop("step")), values)
    result = verify(str(folder), share=1.0)
    assert result.verdict == DIFFERS
    (difference,) = result.differences
    assert difference.file == f"checkpoints/{path.name}"
    assert difference.name == "optimizer/2"
    assert difference.detail.startswith("1 of 512 values differ, first [1, 3]: ")
    assert "differs: this is not what" in str(result)


def test_a_changed_metric_is_named_although_checksums_agree(folder):
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    rows[1]["validation/accuracy"] += 0.1
    tampering.write_rows(folder, rows)
    result = verify(str(folder), share=1.0)
    (difference,) = result.differences
    assert (difference.file, difference.step) == ("metrics.jsonl", rows[1]["step"])
    assert difference.name == "validation/accuracy"


def test_a_changed_metric_is_found_by_its_checksum_without_recomputing(folder):
    path = folder / "metrics.jsonl"
    path.write_text(path.read_text().replace('"epoch": 1.0', '"epoch": 1.5'))
    result = verify(str(folder))
    assert (result.verdict, result.recomputed) == (DIFFERS, [])
    assert "other numbers in its first" in result.differences[0].detail


def test_changed_predictions_settings_and_files_are_named(folder):
    path = min(folder.glob("predictions/*.npz"))
    values = {name: value.copy() for name, value in archive.read(path).items()}
    values["predicted"][0] = (values["predicted"][0] + 1) % 10
    archive.write(path, int(values.pop("step")), values)
    (difference,) = verify(str(folder), share=1.0).differences
    assert (difference.file, difference.name) == (
        f"predictions/{path.name}",
        "predicted",
    )

    flags = folder / "flags.txt"
    flags.write_text(flags.read_text().replace("--keep_best=2", "--keep_best=3"))
    (difference,) = verify(str(folder)).differences
    assert difference.detail == "3, in config.json 2"

    best = max(folder.glob("best/*.npz"))
    os.truncate(best, 1000)
    assert "checksum" in verify(str(folder)).differences[-1].detail


def test_another_processor_leaves_it_undecided(folder):
    path = folder / "environment.json"
    entry = json.loads(path.read_text())
    entry["processor"]["instructions"] = ["avx999"]
    path.write_text(json.dumps(entry))
    result = verify(str(folder), share=1.0)
    assert result.verdict == AGREES
    assert result.environment[0].startswith("instructions of the processor avx999 ->")

    tampering.write_rows(folder, [])
    result = verify(str(folder), share=1.0)
    assert result.verdict == UNDECIDED
    assert "verify them on the same kind of processor" in str(result)


def test_a_share_of_nothing_and_a_run_without_steps_are_refused(folder):
    with pytest.raises(UsageError, match="share must be above 0 %"):
        verify(str(folder), share=0.0)
    shutil.rmtree(folder / "checkpoints")
    shutil.rmtree(folder / "best")
    with pytest.raises(UsageError, match="no checkpoint of a trained step"):
        verify(str(folder))


def test_changed_data_are_named(tmp_path):
    data = tampering.write_data(tmp_path / "data.npz")
    run_folder = trained(tmp_path, dataset=f"arrays({str(data)!r})", batch_size=20)
    tampering.write_data(data, first_pixel=7)
    result = verify(str(run_folder))
    assert [each.file for each in result.differences] == ["data.json"]
    assert result.verdict == DIFFERS


OTHERS = {
    "shards": {"shards": 4},
    "restores the best": {
        "schedule": "plateau('validation/loss', patience=1, abs=.5, restore_best=True)",
        "train_for": "6ep",
        "keep_checkpoints": 20,
    },
    "accumulation, augmentation, averages": {
        "model": "mlp(units=(8,))",
        "accumulate": 2,
        "augment": "shift(.1) + noise(5) + mixup",
        "ema": 0.9,
    },
    "two devices": {"strategy": "mirrored", "devices": 2},
    "float16, rollback": {
        "precision": "float16",
        "on_nonfinite": "rollback",
        "checkpoint_every": "3",
    },
    "early stopping": {"early_stopping": 1, "train_for": "9ep", "learning_rate": 0.1},
    "evaluations between": {"evaluate_every": "5", "checkpoint_every": "1ep"},
}


@pytest.mark.extended
@pytest.mark.parametrize("name", list(OTHERS))
def test_no_false_alarm(tmp_path, name):
    result = verify(str(trained(tmp_path, **OTHERS[name])), share=1.0)
    assert (result.verdict, result.differences) == (AGREES, [])
    assert result.environment == []


@pytest.mark.extended
@pytest.mark.parametrize(
    ("owner", "name", "place"),
    [
        (TrainLoop, "is_finite", 2),
        (TrainLoop, "measured_step", 4),
        # In an evaluation: its checkpoint is from before it.
        (Evaluator, "__call__", 2),
        (Evaluator, "__call__", 6),
        (archive, "write", 3),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_no_false_alarm_after_a_stop(tmp_path, monkeypatch, owner, name, place):
    function, calls = getattr(owner, name), []

    def call(*args, **kwargs):
        calls.append(1)
        if len(calls) == place:
            os.kill(os.getpid(), signal.SIGTERM)
        return function(*args, **kwargs)

    monkeypatch.setattr(owner, name, call)
    with pytest.raises(Stopped):
        trained(tmp_path, keep_checkpoints=20)
    monkeypatch.undo()
    stopped = verify(str(tmp_path / "run"), share=1.0)
    assert stopped.differences == []
    result = verify(str(trained(tmp_path, keep_checkpoints=20)), share=1.0)
    assert (result.verdict, result.differences) == (AGREES, [])


@pytest.mark.extended
def test_a_changed_and_extended_run_is_recomputed_with_the_config_of_its_time(tmp_path):
    trained(tmp_path, train_for="1ep", keep_checkpoints=20)
    trained(tmp_path, train_for="2ep", keep_checkpoints=20)
    folder = trained(
        tmp_path,
        train_for="3ep",
        keep_checkpoints=20,
        learning_rate=0.01,
        allow_config_change=True,
    )
    result = verify(str(folder), share=1.0)
    assert (result.verdict, result.differences) == (AGREES, [])
    assert result.covered == result.steps
