"""Tests of framework/launch/evaluation.py: whole runs, small ones, on real digits."""

import dataclasses
import json
import shutil

import numpy as np
import pytest

from framework.config import Config
from framework.data.arrays import digits
from framework.data.hold_out import hold_out_test
from framework.data.split import LazySplit, Split
from framework.errors import RunError, UsageError
from framework.launch import openings
from framework.launch.evaluation import evaluate
from framework.launch.run import run
from framework.report.history import History

CONFIG = Config(
    model="mlp(units=(8,), dropout=.3)",
    batch_size=128,
    train_for="3ep",
    ema=0.5,
    test="10%",
    train_dev=0.0,
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    run(dataclasses.replace(CONFIG, workdir=str(folder)), quiet=True)
    return folder


@pytest.fixture(scope="module")
def scans():
    return digits()


@pytest.fixture
def folder(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "run")


def contents(folder):
    return {
        path.relative_to(folder): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("weights", ["best", "last"])
def test_validation_is_as_in_the_metrics_and_nothing_is_written(folder, weights):
    before = contents(folder)
    result = evaluate(str(folder), "validation", weights)
    history = History(folder / "metrics.jsonl")
    row = history.rows[-1]
    if weights == "best":
        row = history.best("validation/accuracy")
    assert (result.step, result.weights) == (row["step"], weights)
    assert result.accuracy.value == row["validation/accuracy"]
    assert result.accuracy.low < result.accuracy.value < result.accuracy.high
    assert result.balanced_accuracy == row["validation/balanced_accuracy"]
    assert result.loss == row["validation/loss"]
    assert contents(folder) == before


def test_opening_the_test_part_adds_one_line_and_nothing_else(folder, scans):
    before = contents(folder)
    first, second = (evaluate(str(folder), "test", "last") for _ in range(2))
    assert (first.openings_before, second.openings_before) == (0, 1)
    assert dataclasses.replace(second, openings_before=0) == first
    assert first.images == len(hold_out_test(scans, "10%").test)
    after = contents(folder)
    lines = after.pop(openings.path_of(folder).relative_to(folder)).splitlines()
    assert after == before
    opened = [json.loads(line) for line in lines]
    described = json.loads(before[folder.relative_to(folder) / "data.json"])
    for each in opened:
        assert each["command"] == "evaluate"
        assert (each["step"], each["weights"]) == (33, "last")
        assert each["accuracy"] == first.accuracy.value > 0.1
        assert each["digest"] == described["splits"]["test"]["digest"]


def test_the_training_images_are_those_that_are_trained_on(folder, scans):
    result = evaluate(str(folder), "train")
    assert result.images == len(hold_out_test(scans, "10%").train)
    assert not openings.path_of(folder).exists()


def test_json_has_no_nan():
    from framework.launch.evaluation import Evaluation
    from framework.numerics.intervals import Estimate

    result = Evaluation("test", 3, "last", 7, Estimate(0, 0, 0.5), 0.1, float("nan"), 2)
    text = json.dumps(result.as_json(), allow_nan=False)
    assert json.loads(text)["loss"] is None
    assert json.loads(text)["accuracy"] == {"value": 0, "low": 0, "high": 0.5}


@pytest.mark.extended
def test_a_run_without_a_test_part_is_one_error(tmp_path):
    config = dataclasses.replace(
        CONFIG, test="", train_for="2", workdir=str(tmp_path / "run")
    )
    run(config, quiet=True)
    with pytest.raises(UsageError, match=r"has no test part; train with --test=10%"):
        evaluate(config.workdir, "test")
    assert not (tmp_path / "run" / "diagnosis").exists()
    assert evaluate(config.workdir, "validation").step == 2


def remove(folder, pattern):
    for path in folder.glob(pattern):
        path.unlink()


def replace_best(folder):
    """Puts the weights of another step in the place of the best."""
    (best,) = folder.glob("best/*")
    best.unlink()
    others = [path for path in folder.glob("checkpoints/*") if path.name != best.name]
    shutil.copy(others[0], folder / "best")


@pytest.mark.parametrize(
    ("damage", "weights", "error", "message"),
    [
        (lambda run: remove(run, "*/*.npz"), "last", UsageError, "has no last weights"),
        (lambda run: remove(run, "best/*"), "best", UsageError, "has no best weights"),
        (
            replace_best,
            "best",
            RunError,
            "lacks the weights of the best evaluation, step",
        ),
        (lambda run: remove(run, "config.json"), "best", UsageError, "there is no run"),
    ],
)
def test_weights_that_are_not_there(folder, damage, weights, error, message):
    damage(folder)
    with pytest.raises(error, match=message):
        evaluate(str(folder), "test", weights)
    assert not openings.path_of(folder).exists()


@pytest.mark.parametrize("wrong", [{"split": "tset"}, {"weights": "mean"}])
def test_unknown_names_are_refused(folder, wrong):
    with pytest.raises(UsageError, match="is not one of"):
        evaluate(str(folder), **wrong)


class Sealed:
    """Images that must not be read."""

    shape, dtype, paths = (150, 8, 8, 1), np.dtype(np.uint8), ()

    def element(self, index):
        raise AssertionError("a test image is read")

    def load(self, progress):
        raise AssertionError("the test images are read")

    take = check = element


@pytest.mark.extended
def test_what_is_in_the_test_part_changes_no_number_of_a_run(tmp_path, scans):
    """In training, evaluation, the rate, early stopping and the best weights."""
    divided = hold_out_test(scans, "10%")
    labels = np.zeros(150, np.int32)
    noise = np.full((150, 8, 8, 1), 255, np.uint8)
    parts = [
        divided,
        dataclasses.replace(divided, test=Split(noise, labels)),
        dataclasses.replace(divided, test=LazySplit(Sealed(), labels)),
    ]
    config = dataclasses.replace(
        CONFIG, schedule="plateau('validation/loss', patience=1)", early_stopping=2
    )
    results = []
    for number, dataset in enumerate(parts):
        folder = tmp_path / str(number)
        run(
            dataclasses.replace(config, workdir=str(folder)),
            dataset=dataset,
            quiet=True,
        )
        weights = [path.read_bytes() for path in sorted(folder.glob("best/*"))]
        results.append(((folder / "metrics.jsonl").read_bytes(), weights))
    assert results[0] == results[1] == results[2]


@pytest.mark.extended
def test_nan_in_the_test_part_is_found_when_it_is_opened(tmp_path, scans):
    def floats(split):
        return Split(split.images.astype(np.float32), split.labels)

    bad = floats(scans.validation.take(np.arange(50)))
    bad.images[3] = np.nan
    dataset = dataclasses.replace(
        scans, train=floats(scans.train), validation=floats(scans.validation), test=bad
    )
    config = dataclasses.replace(
        CONFIG, test="", train_for="2", workdir=str(tmp_path / "run")
    )
    run(config, dataset=dataset, quiet=True)
    with pytest.raises(RunError, match="test: image 3 has NaN"):
        evaluate(config.workdir, "test", dataset=dataset)
    assert openings.count(tmp_path / "run") == 0
