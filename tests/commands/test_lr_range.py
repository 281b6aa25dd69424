"""Tests of framework/commands/lr_range.py."""

import pytest


@pytest.fixture
def sweep(command):
    return lambda *flags: command("experiments.lr_range", *flags)


def test_suggests_a_rate_and_draws_its_curve(sweep, tmp_path):
    done = sweep(f"--workdir={tmp_path}", "--sweep_steps=80", "--seeds=1")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("seed 0: ")
    steepest = next(line for line in lines if line.startswith("steepest: "))
    assert 1e-4 < float(steepest.split()[1]) < 0.5
    assert (tmp_path / "seed-0.png").read_bytes().startswith(b"\x89PNG")
    assert any((tmp_path / "seed-0").glob("events.*"))


def test_a_sweep_downwards_is_refused(sweep):
    done = sweep("--lowest_rate=1", "--highest_rate=.1")
    assert (done.returncode, done.stdout) == (2, "")
    assert "lowest_rate must be positive, and below" in done.stderr
