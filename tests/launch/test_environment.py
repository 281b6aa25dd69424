"""Tests of framework/launch/environment.py."""

import json
import sys

import numpy as np
import pytest

from framework.launch import environment


def test_environment_json(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["train.py", "--augment=a + b"])
    environment.write(tmp_path, ["/device:CPU:0", "/device:CPU:1"])
    actual = json.loads((tmp_path / "environment.json").read_text())
    assert actual["command"] == "train.py '--augment=a + b'"
    assert actual["devices"] == ["/device:CPU:0", "/device:CPU:1"]
    assert actual["python"] == ".".join(map(str, sys.version_info[:3]))
    assert actual["packages"]["numpy"] == np.__version__
    assert {"tensorflow", "keras", "whyflat"} <= actual["packages"].keys()
    assert actual["cpus"] >= 1
    assert actual["started"][:2] == "20"
    assert actual["git_revision"] is None or len(actual["git_revision"]) >= 40


def test_without_git_there_is_no_revision(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    environment.write(tmp_path, [])
    actual = json.loads((tmp_path / "environment.json").read_text())
    assert actual["git_revision"] is None


def test_what_bits_depend_on_is_compared(tmp_path):
    environment.write(tmp_path, [], threads=2)
    assert environment.changes(tmp_path, threads=2) == []
    assert environment.changes(tmp_path, threads=3) == ["threads 2 -> 3"]


def test_variables_that_choose_kernels_are_compared(tmp_path, monkeypatch):
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    environment.write(tmp_path, [], threads=2)
    assert "variables" not in environment.read(tmp_path)
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    changes = environment.changes(tmp_path, threads=2)
    assert changes == ["TF_ENABLE_ONEDNN_OPTS unset -> 0"]


def test_other_versions_and_instructions_are_named(tmp_path):
    environment.write(tmp_path, [], threads=2)
    path = tmp_path / "environment.json"
    entry = json.loads(path.read_text())
    entry["packages"] |= {"numpy": "1.0\x1b", "tensorboard": "0"}
    entry["processor"]["instructions"] = ["avx999"]
    path.write_text(json.dumps(entry))
    instructions, numpy = environment.changes(tmp_path, threads=2)
    assert instructions.startswith("instructions of the processor avx999 -> ")
    assert numpy.startswith("numpy 1.0")
    assert numpy.endswith(f" -> {np.__version__}")
    assert "\x1b" not in numpy


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"threads": "x", "processor": [], "packages": 3, "variables": 1}',
    ],
)
def test_a_damaged_file_is_no_reason_to_stop(tmp_path, text):
    (tmp_path / "environment.json").write_text(text)
    assert all(
        line.startswith("threads x -> ")
        for line in environment.changes(tmp_path, threads=2)
    )


def test_threads_and_devices_are_read_if_they_can_be(tmp_path):
    assert environment.recorded_threads(tmp_path) == 0
    assert environment.recorded_devices(tmp_path) == []
    environment.write(tmp_path, ["/device:CPU:0"], threads=3)
    assert environment.recorded_threads(tmp_path) == 3
    assert environment.recorded_devices(tmp_path) == ["/device:CPU:0"]
    (tmp_path / "environment.json").write_text('{"threads": 99999, "devices": 5}')
    assert environment.recorded_threads(tmp_path) == 0
    assert environment.recorded_devices(tmp_path) == []
