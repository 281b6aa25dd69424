"""Tests of framework/commands/diagnose.py."""

import dataclasses
import json

import pytest
from absl.testing import flagsaver

from framework.config import Config
from framework.launch.run import run
from framework.report.history import History

CONFIG = Config(model="mlp(units=(32,))", batch_size=64, train_for="8ep")


@pytest.fixture
def diagnosed(capsys):
    """Runs the command; returns its exit code and output."""
    # Importing the command defines its flags.
    from framework.commands.diagnose import main

    def diagnosed(*arguments):
        with flagsaver.flagsaver(), pytest.raises(SystemExit) as stop:
            main(["whyflat diagnose", *arguments])
        return stop.value.code, *capsys.readouterr()

    return diagnosed


def made(folder, **changes):
    run(dataclasses.replace(CONFIG, workdir=str(folder), **changes), quiet=True)
    return folder


@pytest.mark.extended
def test_a_confirmed_cause_is_code_3(diagnosed, tmp_path):
    folder = made(tmp_path / "run", learning_rate=1e-7)
    code, out, _ = diagnosed(f"--workdir={folder}", "--json")
    assert code == 3
    actual = json.loads(out, parse_constant=pytest.fail)
    assert actual == json.loads((folder / "diagnosis" / "diagnosis.json").read_text())
    assert actual["findings"][0]["cause"] == "learning_rate_too_low"
    last = History(folder / "metrics.jsonl").rows[-1]
    counted = actual["measurements"]["CountedMetrics"]["values"]["top5_accuracy"]
    assert counted == last["validation/top5_accuracy"] < 1
    # The stored diagnosis is printed again at once.
    assert diagnosed(f"--workdir={folder}", "--json") == (3, out, "")


@pytest.mark.extended
def test_nothing_confirmed_is_code_0(diagnosed, tmp_path):
    folder = made(tmp_path / "run", learning_rate=3e-3, train_for="15ep")
    code, out, message = diagnosed(f"--workdir={folder}")
    assert code == 0, out
    assert "\nverdict: " in out
    assert " (confirmed" not in out
    assert message.startswith("diagnosing the weights of step 330\n")
    assert (folder / "diagnosis" / "diagnosis.json").exists()


@pytest.mark.parametrize(
    "arguments",
    [["--workdir="], ["--workdir={}/nothing"], ["--workdri=x"], ["--budget=-1"]],
)
def test_what_cannot_be_done_is_one_line_and_code_2(diagnosed, tmp_path, arguments):
    code, out, message = diagnosed(*(each.format(tmp_path) for each in arguments))
    assert (code, out) == (2, "")
    assert message.startswith("error: ")


def test_the_module_can_be_run(command):
    actual = command("framework.diagnose")
    assert (actual.returncode, actual.stdout) == (2, "")
    wanted = (
        "error: give the folder of one run, as in whyflat diagnose runs/digits-cnn-1\n"
    )
    assert actual.stderr == wanted
