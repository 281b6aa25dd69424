"""Tests of framework/commands/sweep.py."""

import csv
import os
import re
import signal
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
        (["--sweep=ema=[0, .9], seed=3", "--pruner=wilcoxon"], "needs seed=5 or more"),
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


# Counts evaluations, and ends its process in the second one of a run, before that
# checkpoint.
KILLER = """
import os, signal

class Killer:
    def after_steps(self, moment): pass
    def at_end(self, moment): pass
    def after_evaluation(self, moment):
        with open("evaluations.txt", "a") as file:
            file.write(f"{moment.step}\\n")
        if "VICTIM" in os.environ and moment.metrics["epoch"] > 1.5:
            os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.extended
def test_three_processes_share_a_sweep_and_one_is_killed(sweep, tmp_path, request):
    shared, alone = tmp_path / "shared", tmp_path / "alone"
    (tmp_path / "killer.py").write_text(KILLER)
    options = ["--hooks=killer:Killer", "--trials=5", "--checkpoint_every=1ep"]

    def start(**variables):
        of_shared = [f"--workdir={shared}", "--export_best=best.txt"]
        return subprocess.Popen(
            [sys.executable, "script.py", "sweep", *FLAGS, *options, *of_shared],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(request.config.rootpath), **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    victim = start(VICTIM="1")
    # It says so once it holds the trial.
    assert victim.stderr.readline().startswith("trial 0 of 5: learning_rate=")
    others = [start() for _ in range(2)]
    victim.communicate()
    assert victim.returncode == -signal.SIGKILL
    ended = [(*process.communicate(), process.returncode) for process in others]
    assert [code for _, _, code in ended] == [0, 0], ended
    # Both print the same table.
    assert ended[0][0] == ended[1][0]
    # Each trial is trained by one of them, also that of the victim.
    begun = re.findall(r"trial (\d) of 5: learning_rate", ended[0][1] + ended[1][1])
    assert sorted(begun) == list("01234")
    assert [line["trial"] for line in rows(shared)] == list("01234")
    assert {line["state"] for line in rows(shared)} == {"complete"}
    runs = sorted(shared.glob("trial-*/seed-*"))
    assert len(runs) == 10
    # Three evaluations of each run, and the one again whose checkpoint was missing.
    assert len((tmp_path / "evaluations.txt").read_text().splitlines()) == 31
    assert [run for run in runs if len(list((run / "train").iterdir())) > 1] == runs[:1]
    # A single process, which nobody kills, comes to the same numbers.
    code, _, message = sweep(*FLAGS, *options, f"--workdir={alone}")
    assert code == 0, message
    assert rows(alone) == rows(shared)
    for run in runs:
        metrics = alone / run.relative_to(shared) / "metrics.jsonl"
        assert metrics.read_bytes() == (run / "metrics.jsonl").read_bytes()
    best = max(rows(shared), key=lambda line: float(line["validation/accuracy"]))
    text = (tmp_path / "best.txt").read_text().splitlines()
    assert f"--learning_rate={best['learning_rate']}" in text
    assert f"--workdir={shared}-best" in text
