"""Tests of framework/schedules/preview.py, replay.py's display and the command."""

import numpy as np
import pytest

from framework import schedules
from framework.schedules import Clock, preview


@pytest.fixture
def schedule(command):
    return lambda *arguments: command("framework.schedules", *arguments)


def test_rates_of_every_step():
    values = preview.rates(schedules.build("warmup(4) + linear"), 0.1, Clock(8, 4))
    expected = [0, 0.025, 0.05, 0.075, 0.1, 0.075, 0.05, 0.025]
    np.testing.assert_allclose(values, expected, rtol=1e-6)


def test_csv_is_lossless():
    values = np.array([0.1, 1 / 3, 1e-8], np.float32)
    lines = preview.to_csv(values).splitlines()
    assert lines[0] == "step,learning_rate"
    read = np.array([line.split(",")[1] for line in lines[1:]], np.float32)
    np.testing.assert_array_equal(read, values)


def test_plot_height_follows_the_curve():
    lines = preview.plot(np.array([0.0, 0.5, 1.0]), height=2).splitlines()
    assert lines[0].endswith("|  █")
    assert lines[1].endswith("| ██")
    assert lines[0].lstrip().startswith("1 ")


@pytest.mark.parametrize("values", [np.zeros(5), np.ones(1), np.arange(1000.0)])
def test_all_lines_of_a_plot_have_the_same_width(values):
    lines = preview.plot(values).splitlines()
    assert len({len(line) for line in lines}) == 1


def test_to_png_writes_a_png():
    assert preview.to_png(np.ones(3), "constant").startswith(b"\x89PNG")


def test_the_command_prints_every_step(schedule, tmp_path):
    done = schedule(
        "warmup(2) + cosine", "--total_steps=4", "--csv", f"--png={tmp_path / 'a.png'}"
    )
    assert done.returncode == 0
    assert [line.split(",")[0] for line in done.stdout.splitlines()] == [
        "step",
        "0",
        "1",
        "2",
        "3",
    ]
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["cosin"], "unknown schedule 'cosin'"),
        ([], "give one schedule"),
        (["cosine", "--total_steps=-1"], "must be positive"),
        (["cosine", "--totl_steps=5"], "Unknown command line flag"),
        (["cosine", "--replay=/dev/null"], "needs a schedule that reacts to metrics"),
        (["plateau", "--replay=/nowhere"], "cannot be read"),
        (["warmup(2000) + cosine", "--total_steps=1000"], "take 2000 steps"),
    ],
)
def test_wrong_usage_is_reported_in_one_line(schedule, arguments, message):
    done = schedule(*arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
