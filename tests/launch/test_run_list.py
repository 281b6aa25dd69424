"""Tests of framework/launch/run_list.py."""

import math

import numpy as np
import pytest

from framework.config import Config
from framework.errors import UsageError
from framework.launch import run_folder, run_list
from framework.numerics.metrics import Predictions
from framework.report import predictions
from framework.report.history import History


def make(folder, accuracies=(), *, correct=None, labels=8, **settings):
    """Writes the folder of a run of 5 steps per epoch, evaluated after each epoch."""
    folder.mkdir(parents=True)
    run_folder.write_config(folder, Config(workdir=str(folder), **settings))
    history = History(folder / "metrics.jsonl")
    for index, accuracy in enumerate(accuracies):
        row = {"epoch": index + 1.0, "validation/accuracy": accuracy}
        history.append(5 * (index + 1), row)
    if correct is not None:
        (folder / "predictions").mkdir()
        truth = np.arange(labels, dtype=np.int32) % 2
        predicted = np.where(np.arange(labels) < correct, truth, 1 - truth)
        ones = np.ones(labels, np.float32)
        last = Predictions(truth, predicted.astype(np.int32), None, ones, ones)
        predictions.write(folder / "predictions", 5, last)
    return folder


def test_all_runs_are_found_but_not_what_is_inside_one(tmp_path):
    a = make(tmp_path / "deep/er/a")
    b = make(tmp_path / "b")
    make(b / "diagnosis/trials/smaller")
    (tmp_path / "notes").mkdir()
    (tmp_path / "circle").symlink_to(tmp_path)
    assert run_list.find(tmp_path) == [b, a]
    assert run_list.find(b) == [b]
    with pytest.raises(UsageError, match="there is no folder"):
        run_list.find(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("accuracies", "length", "expected"),
    [
        ((0.5, 0.7, 0.6), "3ep", (15, 3.0, 15, 0.7, 0.6, True)),
        ((0.5,), "3ep", (5, 1.0, 15, 0.5, 0.5, False)),
        ((0.5, 0.7), "10", (10, 2.0, 10, 0.7, 0.7, True)),
    ],
)
def test_a_run_is_summarized(tmp_path, accuracies, length, expected):
    folder = make(tmp_path / "a", accuracies, train_for=length)
    summary = run_list.summarize(folder)
    actual = (
        summary.step,
        summary.epoch,
        summary.total_steps,
        summary.best,
        summary.last,
        summary.is_complete,
    )
    assert actual == expected
    assert (summary.monitor, summary.problem) == ("validation/accuracy", "")


def test_a_run_without_evaluations_and_one_that_is_damaged(tmp_path):
    summary = run_list.summarize(make(tmp_path / "new"))
    assert (summary.step, math.isnan(summary.best)) == (0, True)
    assert not summary.is_complete
    damaged = make(tmp_path / "damaged", (0.5,))
    (damaged / "metrics.jsonl").write_text("{}\n{")
    assert str(damaged) in run_list.summarize(damaged).problem
    (damaged / "config.json").write_text("{")
    assert run_list.summarize(damaged).config is None


def test_two_runs_are_compared_on_the_same_images(tmp_path):
    first, second = make(tmp_path / "a", correct=5), make(tmp_path / "b", correct=7)
    gain, images = run_list.accuracy_difference(first, second)
    assert (gain.value, images) == (0.25, 8)
    assert gain.low < 0.25 < gain.high
    other = make(tmp_path / "c", correct=5, labels=9)
    with pytest.raises(UsageError, match="on other validation images"):
        run_list.accuracy_difference(first, other)
    with pytest.raises(UsageError, match="has no predictions"):
        run_list.accuracy_difference(first, make(tmp_path / "d"))
