"""Tests of framework/launch/trained.py."""

import dataclasses
import json
import shutil

import numpy as np
import pytest

from framework.config import Config
from framework.data.arrays import digits
from framework.errors import RunError, UsageError
from framework.launch import trained
from framework.launch.run import run
from framework.report.history import History

CONFIG = Config(
    model="mlp(units=(8,), dropout=.3)", batch_size=128, train_for="3ep", train_dev=0.0
)


@pytest.fixture(scope="module")
def data():
    return digits()


@pytest.fixture(scope="module", params=[0.0, 0.5], ids=["weights", "averages"])
def folder(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    run(dataclasses.replace(CONFIG, ema=request.param, workdir=str(folder)), quiet=True)
    return folder


@pytest.mark.parametrize("weights", ["best", "last"])
def test_it_predicts_what_the_evaluations_have_measured(folder, data, weights):
    """Also where these are of the average of the weights."""
    network = trained.load(folder, weights)
    history = History(folder / "metrics.jsonl")
    row = history.rows[-1]
    if weights == "best":
        row = history.best("validation/accuracy")
    assert network.step == row["step"]
    probabilities = network.predict(data.validation.images, batch_size=100)
    hits = probabilities.argmax(axis=1) == data.validation.labels
    assert hits.mean() == row["validation/accuracy"]
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-5)
    own = probabilities[np.arange(len(hits)), data.validation.labels]
    assert -np.log(own).mean() == pytest.approx(row["validation/loss"], rel=1e-4)
    assert network.class_names == data.class_names
    assert network.predict(data.validation.images[:0]).shape == (0, 10)


def test_neither_data_nor_their_code_are_needed(folder, tmp_path):
    """On another machine, the data set and its module do not exist."""
    copy = shutil.copytree(folder, tmp_path / "run")
    text = (copy / "config.json").read_text()
    (copy / "config.json").write_text(text.replace('"digits"', '"away:pets(3)"'))
    assert trained.load(copy).image_shape == (8, 8, 1)


def test_the_experiment_that_started_the_run_is_not_needed_either(folder, tmp_path):
    """It may train when it is loaded, and only adds names to the families."""
    copy = shutil.copytree(folder, tmp_path / "run")
    path = copy / "environment.json"
    content = json.loads(path.read_text())
    content["experiment"] = {"file": "/away/train.py"}
    path.write_text(json.dumps(content))
    assert trained.load(copy).image_shape == (8, 8, 1)
    text = (copy / "config.json").read_text()
    (copy / "config.json").write_text(text.replace('"mlp(', '"its_own('))
    with pytest.raises(UsageError, match=r"/away/train\.py"):
        trained.load(copy, trust_run=True)


def test_images_of_another_kind_are_refused(folder):
    network = trained.load(folder)
    with pytest.raises(UsageError, match=r"\[N, 8, 8, 1\], as in training, not \[2, 9"):
        network.predict(np.zeros((2, 9, 8, 1), np.uint8))
    with pytest.raises(UsageError, match="uint8 images from 0 to 255; give these, not"):
        network.predict(np.zeros((2, 8, 8, 1), np.float32))


def test_what_cannot_be_loaded(folder, tmp_path):
    with pytest.raises(UsageError, match="there is no run"):
        trained.load(tmp_path / "nothing")
    with pytest.raises(UsageError, match="'first' is not one of best, last"):
        trained.load(folder, "first")
    copy = shutil.copytree(folder, tmp_path / "run")
    (copy / "data.json").unlink()
    with pytest.raises(UsageError, match="which has the classes"):
        trained.load(copy)
    copy = shutil.copytree(folder, tmp_path / "given")
    text = (copy / "config.json").read_text()
    (copy / "config.json").write_text(text.replace(CONFIG.model, "given(parameters=9)"))
    with pytest.raises(UsageError, match="was given in Python"):
        trained.load(copy)
    copy = shutil.copytree(folder, tmp_path / "other")
    (copy / "config.json").write_text(text.replace("(8,)", "(9,)"))
    with pytest.raises(RunError, match="is of another model"):
        trained.load(copy)
