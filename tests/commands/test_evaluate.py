"""Tests of framework/commands/evaluate.py."""

import json

import pytest

from framework.config import Config
from framework.launch.run import run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    config = Config(
        model="mlp(units=())",
        batch_size=256,
        train_for="2ep",
        test="40",
        workdir=str(folder),
    )
    run(config, quiet=True)
    return folder


@pytest.fixture
def evaluated(command, tmp_path):
    """Runs the command; returns its exit code and output."""
    # In a process of its own: its flags have the names of those of other commands.
    (tmp_path / "script.py").write_text("from framework.commands import main\nmain()")

    def evaluated(*arguments):
        done = command("script", "evaluate", *map(str, arguments), folder=tmp_path)
        return done.returncode, done.stdout, done.stderr

    return evaluated


def test_prints_the_metrics_of_validation_by_default(evaluated, folder):
    code, out, _ = evaluated(folder)
    assert code == 0
    lines = out.splitlines()
    assert lines[0].startswith("validation: 359 images, best weights (step ")
    assert "95 % interval" in lines[1]
    assert [line.split("  ")[0] for line in lines[1:]] == [
        "accuracy",
        "balanced accuracy",
        "loss",
    ]
    assert evaluated(f"--workdir={folder}") == (0, out, "")


def test_says_how_often_the_test_part_was_opened(evaluated, folder):
    _, out, _ = evaluated(folder, "--split=test", "--weights=last")
    assert out.startswith("test: 40 images, last weights (step 12)")
    assert "opened for the first time" in out.splitlines()[-1]
    code, out, message = evaluated(folder, "--split=test", "--json")
    assert (code, json.loads(out)["openings_before"]) == (0, 1)
    assert "opened once before" in message


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["{}", "{}"],
        ["{}", "--workdir={}"],
        ["nowhere"],
        ["{}", "--split=dev"],
        ["{}", "--weights=mean"],
        ["{}", "--splt=test"],
    ],
)
def test_what_cannot_be_done_is_one_line_and_code_2(evaluated, folder, arguments):
    code, out, message = evaluated(*(each.format(folder) for each in arguments))
    assert (code, out) == (2, "")
    assert message.startswith("error: ")
    assert len(message.splitlines()) == 1
