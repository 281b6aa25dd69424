"""Tests of framework/commands/remedy.py."""

import functools
import json
import os
import shutil
import subprocess
import sys

import pytest

from framework.config import Config
from framework.launch.run import run

CONFIG = Config(
    model="mlp(units=(32,))",
    test="20%",
    batch_size=64,
    train_for="4ep",
    learning_rate=1e-7,
)


@pytest.fixture
def whyflat(command, tmp_path):
    """Runs a verb in a process; returns its exit code and output."""
    (tmp_path / "script.py").write_text("from framework.commands import main\nmain()")

    def whyflat(*arguments):
        done = command("script", *arguments, folder=tmp_path)
        return done.returncode, done.stdout, done.stderr

    return whyflat


@pytest.fixture
def remedied(whyflat):
    return functools.partial(whyflat, "remedy")


def made(folder, **changes):
    config = Config(**{**vars(CONFIG), **changes, "workdir": str(folder)})
    run(config, quiet=True)
    return folder


@pytest.mark.extended
def test_diagnoses_proves_and_applies(remedied, tmp_path):
    folder = made(tmp_path / "run")
    code, out, message = remedied(str(folder), "--apply", "--seeds=3")
    assert code == 0, out + message
    assert "\nverdict: at chance" in out
    assert "learning_rate_too_low (model-improving)" in out
    assert "verdict: proven" in out
    assert "run 9 of 9" in message or "run 3 of 3" in message
    changed = (folder / "flags.remedied.txt").read_text()
    assert "--learning_rate=1e-07\n" not in changed
    proof = json.loads((folder / "diagnosis" / "proof" / "proof.json").read_text())
    assert proof["remedies"][0]["verdict"] == "proven"
    # The same command again has the result at once.
    again, second, _ = remedied(str(folder), "--seeds=3")
    assert again == 0
    assert "verdict: proven" in second
    # The printed command trains the remedied run.
    assert not (tmp_path / "run-remedied").exists()


@pytest.mark.extended
def test_three_processes_share_a_proof_and_one_is_killed(remedied, tmp_path, request):
    folder = made(tmp_path / "run", learning_rate=1e-5)

    def start():
        return subprocess.Popen(
            [sys.executable, "script.py", "remedy", str(folder), "--seeds=3"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(request.config.rootpath)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    # One of them diagnoses the run, and the others wait.
    victim, *others = [start() for _ in range(3)]
    while "to the next look" not in (line := victim.stderr.readline()):
        assert line, victim.communicate()
    victim.kill()
    victim.communicate()
    ended = [(*process.communicate(), process.returncode) for process in others]
    assert [code for _, _, code in ended] == [0, 0], ended
    proofs = [out[out.index("plan.json has SHA-256") :] for out, _, _ in ended]
    assert proofs[0] == proofs[1]
    assert "verdict: proven" in proofs[0]
    place = folder / "diagnosis" / "proof"
    assert len(list(place.glob("*/judged"))) == 9
    # Each run is trained by one of them; that of the victim perhaps by two.
    told = [
        line for _, err, _ in ended for line in err.splitlines() if ", seed" in line
    ]
    assert 8 <= len(told) <= 9
    openings = folder / "diagnosis" / "test_openings.jsonl"
    assert len(openings.read_text().splitlines()) == 1


@pytest.mark.extended
def test_a_healthy_run_has_nothing_to_prove(remedied, tmp_path):
    folder = made(tmp_path / "run", learning_rate=3e-3, train_for="15ep")
    code, out, message = remedied(str(folder))
    assert code == 4, out + message
    assert out.splitlines()[-1].endswith("nothing to prove")
    assert not (folder / "diagnosis" / "proof").exists()


@pytest.mark.parametrize(
    "arguments",
    [[], ["a", "b"], ["{}/nothing"], ["{}", "--seeds=2"], ["{}", "--sedes=3"]],
)
def test_what_cannot_be_done_is_one_line_and_code_2(remedied, tmp_path, arguments):
    code, out, message = remedied(*(each.format(tmp_path) for each in arguments))
    assert (code, out) == (2, "")
    assert message.startswith("error: ")
    assert len(message.splitlines()) == 1


@pytest.mark.extended
def test_a_training_with_remedy_goes_on_where_it_was(whyflat, tmp_path):
    names = ("model", "test", "batch_size", "train_for", "learning_rate")
    flags = [f"--{name}={getattr(CONFIG, name)}" for name in names]
    flags = ["train", *flags, "--seed=3", f"--workdir={tmp_path / 'run'}"]
    # What a kill after the training leaves.
    assert whyflat(*flags)[0] == 0
    rows = (tmp_path / "run" / "metrics.jsonl").read_bytes()
    code, first, message = whyflat(*flags, "--remedy")
    assert code == 0, first + message
    assert "learning_rate_too_low (confirmed" in first
    assert "verdict: proven" in first
    proof = tmp_path / "run" / "diagnosis" / "proof"
    before = json.loads((proof / "proof.json").read_text())
    # What a kill within the last arm leaves.
    (proof / "proof.json").unlink()
    arm = before["remedies"][0]["arms"][-1]["folder"]
    shutil.rmtree(proof / arm)
    code, second, message = whyflat(*flags, "--remedy")
    assert code == 0, second + message
    assert "learning_rate_too_low (confirmed" not in second
    assert "run 1 of 1" in message
    after = json.loads((proof / "proof.json").read_text())
    assert [after["plan_sha256"], after["remedies"][0]["gains"]] == [
        before["plan_sha256"],
        before["remedies"][0]["gains"],
    ]
    # The run itself is as it was; the flag is none of its config.
    assert (tmp_path / "run" / "metrics.jsonl").read_bytes() == rows
    assert "--remedy" not in (tmp_path / "run" / "flags.txt").read_text()
