"""Tests of framework/launch/cross_validation.py."""

import dataclasses
import types

import pytest

from framework.config import Config
from framework.errors import RunError, UsageError
from framework.launch import cross_validation


def runner(accuracies, done):
    """Returns a fake of `run`, which notes the configs."""

    def run(config):
        done.append((config.fold, config.workdir))
        values = accuracies[len(done) - 1]
        return types.SimpleNamespace(history={"validation/accuracy": values})

    return run


def test_trains_each_fold_and_prints_the_mean(tmp_path):
    config, done, lines = Config(workdir=str(tmp_path / "runs")), [], []
    run = runner([[0.2, 0.7], [0.9], [0.8]], done)
    mean = cross_validation.train(config, 3, run, lines.append)
    assert done == [
        (f"{index}/3", str(tmp_path / f"runs/fold-{index}")) for index in (1, 2, 3)
    ]
    # Student's t of 2 degrees of freedom: 4.303 * 0.1 / sqrt(3).
    assert mean.value == pytest.approx(0.8)
    assert mean.high - mean.value == pytest.approx(0.2484, abs=1e-4)
    assert lines[0] == "fold 1/3: validation/accuracy 70.00%"
    assert lines[3].startswith("mean of 3 folds: 80.00%, 95 % interval 55.16% to 104.8")


def test_each_fold_has_a_folder_that_is_chosen():
    done = []
    cross_validation.train(Config(), 2, runner([[0.2], [0.9]], done), [].append)
    assert done == [("1/2", Config.workdir), ("2/2", Config.workdir)]


def test_needs_evaluations(tmp_path):
    config = Config(workdir=str(tmp_path))
    with pytest.raises(RunError, match="fold 1/2 has no evaluation"):
        cross_validation.train(config, 2, runner([[]], []))


@pytest.mark.parametrize(
    ("changes", "count", "message"),
    [
        ({}, 1, "folds must be at least 2, not 1"),
        ({"fold": "1/5"}, 5, "fold=1/5 one of them; leave out"),
        ({"strategy": "multi_worker"}, 5, "trains in one process"),
        ({"diagnose": True}, 5, "diagnose one of them"),
    ],
)
def test_refuses(changes, count, message):
    with pytest.raises(UsageError, match=message):
        cross_validation.train(dataclasses.replace(Config(), **changes), count)


@pytest.mark.extended
def test_real_folds_resume_and_validate_on_all_images(command, tmp_path):
    arguments = (
        "--folds=2",
        "--train_for=4",
        "--evaluate_every=4",
        "--model=mlp",
        f"--workdir={tmp_path / 'runs'}",
    )
    first = command("experiments.train", *arguments)
    assert first.returncode == 0, first.stderr
    last = first.stdout.splitlines()[-1]
    assert last.startswith("mean of 2 folds: ")
    again = command("experiments.train", *arguments)
    assert again.stdout.splitlines()[-1] == last
    sizes = []
    for index in (1, 2):
        text = (tmp_path / f"runs/fold-{index}/data.json").read_text()
        assert f'"fold": "{index}/2"' in text
        sizes.append(text)
    assert sizes[0] != sizes[1]
