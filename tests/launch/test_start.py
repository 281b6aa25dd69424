"""Tests of framework/launch/start.py."""

import dataclasses

import pytest

from framework.config import Config
from framework.errors import UsageError
from framework.launch import components, run_folder, start
from framework.launch.resume import Resumption

CONFIG = Config(model="mlp(units=(8,))", dataset="noise(train=64, size=8)")


def opened(folder, config, is_chief=True):
    built = components.build(config, None, None, lambda *_: None)
    history, checkpoints, resumption = start.open_folder(
        config, built, folder, is_chief
    )
    checkpoints.close()
    return history, resumption


def test_only_the_chief_writes_what_defines_the_run(tmp_path):
    config = dataclasses.replace(CONFIG, workdir=str(tmp_path))
    _, resumption = opened(tmp_path, config, is_chief=False)
    assert resumption.step is None
    assert not list(tmp_path.glob("*.json"))
    history, resumption = opened(tmp_path, config)
    assert (resumption, len(history)) == (Resumption(None), 0)
    assert run_folder.read_config(tmp_path) == config
    assert (tmp_path / "data.json").is_file()
    changed = dataclasses.replace(config, seed=1)
    with pytest.raises(UsageError, match="has a run of another configuration"):
        opened(tmp_path, changed)
    assert run_folder.read_config(tmp_path) == config
