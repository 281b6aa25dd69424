"""Tests of framework/commands/verify.py."""

import json

import pytest

from benchmarks.faults import tampering
from framework.config import Config
from framework.launch.run import run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    config = Config(
        model="mlp(units=())", batch_size=256, train_for="2ep", workdir=str(folder)
    )
    run(config, quiet=True)
    return folder


@pytest.fixture
def verified(command, tmp_path):
    """Runs the command; returns its exit code and output."""
    # In a process of its own: its flags have the names of those of other commands.
    (tmp_path / "script.py").write_text("from framework.commands import main\nmain()")

    def verified(*arguments):
        done = command("script", "verify", *map(str, arguments), folder=tmp_path)
        return done.returncode, done.stdout, done.stderr

    return verified


def test_exit_codes_and_json(verified, folder):
    code, out, errors = verified(folder, "--share=100%")
    assert code == 0
    assert sorted(errors.splitlines()) == [
        "recomputing steps 0 to 6",
        "recomputing steps 6 to 12",
    ]
    assert out.splitlines()[-1] == "agrees: all that was recomputed has the same bits"

    path = folder / "metrics.jsonl"
    text = path.read_text()
    path.write_text(text.replace('"epoch": 1.0', '"epoch": 1.5'))
    code, out, _ = verified(folder, "--json")
    assert (code, json.loads(out)["verdict"]) == (1, "differs")
    path.write_text(text)

    path = folder / "environment.json"
    entry = json.loads(path.read_text())
    entry["packages"]["numpy"] = "0"
    path.write_text(json.dumps(entry))
    tampering.write_rows(folder, [{"step": 12, "loss": 0.5}])
    code, out, _ = verified(folder, "--share=100%")
    assert code == 5
    assert out.startswith("not the same here: numpy 0 -> ")
    assert out.splitlines()[-1].startswith("undecided: numbers differ, but they were")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["{}", "{}"],
        ["nowhere"],
        ["{}", "--share=0%"],
        ["{}", "--share=101%"],
        ["{}", "--share=2"],
        ["{}", "--share=x%"],
        ["{}", "--seed=-1"],
        ["{}", "--shares=2%"],
    ],
)
def test_what_cannot_be_done_is_one_line_and_code_2(verified, folder, arguments):
    code, out, message = verified(*(each.format(folder) for each in arguments))
    assert (code, out) == (2, "")
    assert message.startswith("error: ")
    assert len(message.splitlines()) == 1
