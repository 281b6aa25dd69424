"""Tests of framework/launch/sources.py."""

import dataclasses

import numpy as np
import pytest

from framework.config import Config
from framework.errors import UsageError
from framework.launch import sources
from framework.models.by_name import Match

MATCH = Match(("a/kernel",), ("b/kernel",), (("c/kernel", (1,), (2,)),), ())


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.keras").write_bytes(b"network")
    np.savez(tmp_path / "w.npz", a=np.zeros(3))
    (tmp_path / "run").mkdir()
    return Config(model="keras_file('net.keras')", init_from="w.npz", workdir="run")


def test_a_run_keeps_copies_that_it_resumes_from(config, tmp_path):
    found = sources.find(config)
    assert {text: path.name for text, path in found.items()} == {
        "net.keras": "net.keras",
        "w.npz": "w.npz",
    }
    sources.write(tmp_path / "run", found, {}, MATCH)
    written = (tmp_path / "run/pretrained.json").read_text()
    for name in ("a/kernel", "b/kernel", "c/kernel"):
        assert name in written
    content = {text: path.read_bytes() for text, path in found.items()}
    for name in ("net.keras", "w.npz"):
        (tmp_path / name).unlink()
    copies = sources.find(config)
    assert {text: path.read_bytes() for text, path in copies.items()} == content
    assert all("pretrained" in path.parts for path in copies.values())
    # Written once.
    sources.write(tmp_path / "run", copies, {}, None)
    assert (tmp_path / "run/pretrained.json").read_text() == written


def test_a_changed_file_is_refused(config, tmp_path):
    sources.write(tmp_path / "run", sources.find(config), {}, MATCH)
    (tmp_path / "net.keras").write_bytes(b"another")
    with pytest.raises(UsageError, match=r"net\.keras has changed since .*--fresh"):
        sources.find(config)
    sources.find(dataclasses.replace(config, fresh=True))
    sources.find(config, has_model=True)


def test_the_weights_of_another_run_are_copied(config, tmp_path):
    other = dataclasses.replace(config, init_from="other", model="mlp")
    (tmp_path / "other").mkdir()
    found = sources.find(other)
    sources.write(tmp_path / "run", found, {"other": {"a/kernel": np.ones(2)}}, MATCH)
    (tmp_path / "other").rmdir()
    with np.load(sources.find(other)["other"]) as file:
        np.testing.assert_array_equal(file["a/kernel"], [1, 1])


def test_a_preset_is_copied_with_its_files(config, tmp_path):
    preset = tmp_path / "preset"
    (preset / "assets").mkdir(parents=True)
    (preset / "config.json").write_text("{}")
    (preset / "assets/words").write_text("a")
    config = dataclasses.replace(config, model="hub('preset')", init_from="")
    found = sources.find(config)
    sources.write(tmp_path / "run", found, {}, None)
    (preset / "assets/words").write_text("b")
    with pytest.raises(UsageError, match="preset has changed since"):
        sources.find(config)
    preset.rename(tmp_path / "elsewhere")
    copy = sources.find(config)["preset"]
    assert copy.parent.name == "pretrained"
    assert (copy / "assets/words").read_text() == "a"


def test_a_preset_by_name_is_not_copied(config, tmp_path):
    config = dataclasses.replace(config, model="hub('resnet')", init_from="")
    sources.write(tmp_path / "run", sources.find(config), {}, None)
    assert sources.find(config)["resnet"].name == "resnet"


@pytest.mark.parametrize(
    "text",
    [
        "x",
        '{"files": 3}',
        '{"files": {"net.keras": {"sha256": "x", "copy": "../net.keras"}}}',
        '{"files": {"net.keras": {"sha256": "x", "copy": "pretrained/../x"}}}',
        '{"files": {"net.keras": {"sha256": "x"}}}',
    ],
)
def test_a_damaged_record(config, tmp_path, text):
    (tmp_path / "run/pretrained.json").write_text(text)
    with pytest.raises(UsageError, match=r"pretrained\.json"):
        sources.find(config)


@pytest.mark.parametrize("place", ["trials/a", "proof/b-1", "proof/order/c"])
def test_a_trial_has_the_copies_of_its_run(config, tmp_path, place):
    run = tmp_path / "run"
    (run / "config.json").write_text("{}")
    sources.write(run, sources.find(config), {}, MATCH)
    trial = dataclasses.replace(config, workdir=f"run/diagnosis/{place}")
    (tmp_path / "w.npz").unlink()
    found = sources.find(trial)
    assert found["w.npz"].parent == run / "pretrained"
    # What it was started with itself counts more.
    (tmp_path / trial.workdir).mkdir(parents=True)
    sources.write(tmp_path / trial.workdir, found, {}, MATCH)
    assert sources.find(trial)["w.npz"].is_relative_to(trial.workdir)
    assert sources.find(dataclasses.replace(trial, fresh=True))["w.npz"].name == "w.npz"
    np.savez(tmp_path / "w.npz", a=np.ones(3))
    with pytest.raises(UsageError, match=r"w\.npz has changed since the run in .*run"):
        sources.find(trial)


def test_without_the_file_and_its_copy_nothing_begins(config, tmp_path):
    sources.write(tmp_path / "run", sources.find(config), {}, MATCH)
    (tmp_path / "w.npz").unlink()
    copy = sources.find(config)["w.npz"]
    copy.write_bytes(b"other")
    with pytest.raises(UsageError, match=r"no w\.npz.*is damaged: restore one"):
        sources.find(config)
    copy.unlink()
    with pytest.raises(UsageError, match=r"no w\.npz.*is gone: restore one"):
        sources.find(config)
