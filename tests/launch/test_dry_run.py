"""Tests of framework/launch/dry_run.py."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from framework.config import Config
from framework.errors import UsageError
from framework.launch import run_folder
from framework.launch.dry_run import DryRun, dry_run

SMALL = Config(model="mlp(units=(8,))", batch_size=128, train_for="3ep", log_every="10")
MEASURED = DryRun(
    parameters=1234,
    compilation=10.0,
    step=0.02,
    evaluation=3.0,
    loss=2.5,
    steps=1000,
    measured_steps=100,
    evaluations=10,
    batch_size=32,
    memory={"host": 1_234_567_890},
)


def test_measures_and_writes_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    result = dry_run(SMALL)
    assert list(tmp_path.iterdir()) == []
    assert result.parameters == 64 * 8 + 8 + 8 * 10 + 10
    assert (result.steps, result.evaluations, result.measured_steps) == (33, 3, 4)
    assert min(result.compilation, result.step, result.evaluation) > 0
    assert np.isfinite(result.loss)
    assert result.memory["host"] > 50e6
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "nothing was written to runs/digits-mlp-1"
    assert lines[-7:-1] == result.lines()


def test_one_batch_per_epoch_is_enough(tmp_path):
    config = dataclasses.replace(SMALL, batch_size=1368, workdir=str(tmp_path / "run"))
    assert dry_run(config, quiet=True).steps == 3


def test_a_run_that_would_be_refused_is(tmp_path):
    config = dataclasses.replace(SMALL, workdir=str(tmp_path))
    run_folder.write_config(Path(tmp_path), config)
    with pytest.raises(UsageError, match="another configuration"):
        dry_run(dataclasses.replace(config, seed=1), quiet=True)


def test_the_estimate():
    # 1,050 times 20 ms, and ten evaluations.
    assert MEASURED.seconds == pytest.approx(10 + 21 + 30)
    assert str(MEASURED).splitlines() == [
        " parameters  1,234",
        "memory peak  1,235 MB (host)",
        "compilation  10.0 s",
        "       step  20.0 ms, 1,600 images/s, loss 2.5000",
        " evaluation  3.0 s",
        "        run  about 0:01:01: 1,000 steps and 10 evaluations, without writing "
        "files",
    ]
