"""Tests of framework/launch/rebuild.py."""

import dataclasses

import numpy as np
import pytest

from framework.config import Config, experiment
from framework.errors import UsageError
from framework.launch import run_folder
from framework.launch.rebuild import rebuild
from framework.launch.run import run

CONFIG = Config(
    model="mlp(units=())", batch_size=256, train_for="1ep", test="10%", devices=1
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    run(dataclasses.replace(CONFIG, workdir=str(folder)), quiet=True)
    return folder


def test_the_parts_are_those_of_the_run_and_nothing_is_written(folder):
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    config, built = rebuild(folder, run_folder.read_config(folder))
    assert (config.devices, config.workdir) == (0, str(folder))
    assert len(built.examples.dataset.test) == pytest.approx(144, abs=5)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_a_foreign_run_is_not_executed(folder, monkeypatch):
    monkeypatch.setattr(experiment, "recorded", lambda folder: {"file": "/mine.py"})
    with pytest.raises(UsageError, match="if you trust it, add --trust_run"):
        rebuild(folder, run_folder.read_config(folder))


@pytest.mark.extended
def test_changed_data_are_refused(tmp_path):
    def save(first):
        images = np.arange(60, dtype=np.uint8).reshape(60, 1, 1, 1)
        images[0] = first
        labels = np.arange(60) % 2
        np.savez(
            tmp_path / "data.npz",
            x_train=images,
            y_train=labels,
            x_validation=images,
            y_validation=labels,
        )

    save(0)
    config = dataclasses.replace(
        CONFIG,
        dataset=f"arrays({str(tmp_path / 'data.npz')!r})",
        batch_size=20,
        workdir=str(tmp_path / "run"),
    )
    run(config, quiet=True)
    save(255)
    with pytest.raises(UsageError, match="the data are not those of the run"):
        rebuild(tmp_path / "run", config)
    rebuild(tmp_path / "run", config, allow_data_change=True)


def test_for_the_same_bits_it_computes_where_the_run_did(folder):
    config = dataclasses.replace(
        run_folder.read_config(folder), strategy="one_device", input="service"
    )
    own, _ = rebuild(folder, config, trust_run=True, for_same_bits=True)
    assert (own.strategy, own.input) == ("one_device", "auto")
    sharded = dataclasses.replace(config, shards=2, threads=2)
    own, _ = rebuild(folder, sharded, trust_run=True, for_same_bits=True)
    assert (own.strategy, own.threads) == ("default", 0)
