"""Tests of framework/commands/sweep.py."""

import csv
import os
import subprocess
import sys

import pytest

pytest.importorskip("optuna")

FLAGS = [
    "--sweep=learning_rate=log(1e-4, 1e-1), seed=2",
    "--sampler=random",
    "--model=mlp(units=(16,))",
    "--train_for=3ep",
]


@pytest.fixture
def sweep(command, tmp_path):
    """Runs the command in a process; returns its exit code, output and errors."""
    (tmp_path / "script.py").write_text("from framework.commands import main\nmain()")

    def sweep(*arguments):
        done = command("script", "sweep", *arguments, folder=tmp_path)
        return done.returncode, done.stdout, done.stderr

    return sweep


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "--sweep names no flag"),
        (["--sweep=seed=2"], "--sweep names no flag"),
        (["--sweep=schedule=['cosin']"], "--schedule: unknown schedule 'cosin'"),
        (["--sweep=ema=[0, .9]", "--strategy=multi_worker"], "on each machine"),
        (["--sweep=ema=[0, .9]", "--fresh"], "--fresh is for a single run"),
        (["--sweep=ema=[0, .9]", "--trials=0"], "trials"),
        (["--sweep=ema=uniform(0, .9)", "--sampler=grid"], "a grid needs points"),
        (["--sweep=ema=[0, .9]", "--sampler=grid", "--trials=1"], "has 2 points"),
    ],
)
def test_what_cannot_be_swept_is_said_before_anything_is_written(
    sweep, tmp_path, arguments, problem
):
    code, out, message = sweep(f"--workdir={tmp_path / 'sweep'}", *arguments)
    assert (code, out) == (2, ""), message
    assert message.startswith("error: ")
    assert problem in message
    assert not (tmp_path / "sweep").exists()


def rows(folder):
    """Returns the lines of sweep.csv without what depends on time and place."""
    lines = list(csv.DictReader((folder / "sweep.csv").read_text().splitlines()))
    return [
        {name: value for name, value in line.items() if name not in _OF_PLACE}
        for line in lines
    ]


_OF_PLACE = ("seconds", "folder")


@pytest.mark.extended
def test_three_processes_share_a_sweep_and_one_is_killed(sweep, tmp_path, request):
    shared, alone = tmp_path / "shared", tmp_path / "alone"

    of_shared = ["--trials=5", f"--workdir={shared}", "--export_best=best.txt"]

    def start():
        return subprocess.Popen(
            [sys.executable, "script.py", "sweep", *FLAGS, *of_shared],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(request.config.rootpath)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    victim = start()
    # It says so once it holds the trial.
    assert victim.stderr.readline().startswith("trial 0 of 5: learning_rate=")
    others = [start() for _ in range(2)]
    victim.kill()
    victim.communicate()
    ended = [(*process.communicate(), process.returncode) for process in others]
    assert [code for _, _, code in ended] == [0, 0], ended
    # Both print the same table, and somebody has taken up the trial of the victim.
    assert ended[0][0] == ended[1][0]
    assert sum("trial 0 of 5: learning_rate" in err for _, err, _ in ended) == 1
    assert [line["trial"] for line in rows(shared)] == list("01234")
    assert {line["state"] for line in rows(shared)} == {"complete"}
    assert len(list(shared.glob("trial-*/seed-*/metrics.jsonl"))) == 10
    # A single process comes to the same numbers.
    code, _, message = sweep(*FLAGS, "--trials=5", f"--workdir={alone}")
    assert code == 0, message
    assert rows(alone) == rows(shared)
    best = max(rows(shared), key=lambda line: float(line["validation/accuracy"]))
    text = (tmp_path / "best.txt").read_text().splitlines()
    assert f"--learning_rate={best['learning_rate']}" in text
    assert f"--workdir={shared}-best" in text
