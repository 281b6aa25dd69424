"""Tests of framework/launch/recompute.py, besides those of verification."""

import dataclasses
import shutil

import pytest

from benchmarks.faults.same_run import SMALL
from framework.launch.run import run
from framework.launch.verification import AGREES, verify


@pytest.mark.extended
def test_best_weights_that_are_not_kept_are_an_obstacle(tmp_path):
    config = dataclasses.replace(
        SMALL,
        schedule="plateau('validation/loss', patience=1, abs=9.0, restore_best=True)",
        monitor="train_clean/loss",
        learning_rate=0.3,
        train_for="4ep",
        checkpoint_every="1ep",
        keep_checkpoints=20,
        workdir=str(tmp_path / "run"),
    )
    run(config, quiet=True)
    folder = tmp_path / "run"
    assert verify(str(folder), share=1.0).verdict == AGREES
    shutil.rmtree(folder / "best")
    for path in sorted(folder.glob("checkpoints/*.npz"))[1:-2]:
        path.unlink()
    result = verify(str(folder), share=1.0)
    assert result.differences == []
    assert "which are not kept" in str(result)
