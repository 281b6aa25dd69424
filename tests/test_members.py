"""Tests of members of the user's own: each family takes `module:name`, checked once."""

import pathlib
import sys
import warnings

import numpy as np
import pytest
import tensorflow as tf

from framework import augment, data, models, schedules
from framework.augment import normalize
from framework.config import Config
from framework.errors import RunError, UsageError
from framework.launch import checks
from framework.launch.run import run
from framework.optim import optimizers
from framework.schedules import Clock, preview

MINE = pathlib.Path(__file__).with_name("mine.txt").read_text()


@pytest.fixture(autouse=True)
def _mine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "mine.py").write_text(MINE)
    yield
    sys.modules.pop("mine", None)


def built(family, text):
    """Builds a member and uses it once, as a run would."""
    images = np.zeros((8, 4, 4, 1), np.uint8)
    if family == "dataset":
        data.check(text)
        return data.build(text)
    if family == "model":
        model = models.build(text)((4, 4, 1), 2)
        return models.check(model, (4, 4, 1), 2)
    if family == "optimizer":
        optimizer = optimizers.build(text)()
        return optimizers.set_learning_rate(optimizer, tf.constant(0.5))
    if family == "schedule":
        return preview.rates(schedules.build(text), 1.0, Clock(100, 10))
    if family == "augment":
        return augment.build(text)
    split = data.Split(images, np.arange(8, dtype=np.int32) % 2)
    return normalize.build(text, split, np.arange(8))


@pytest.mark.parametrize(
    ("family", "text", "message"),
    [
        (
            "dataset",
            "mine:pets('none')",
            "return a framework.data.Dataset, not No",
        ),
        (
            "dataset",
            "mine:pets('tuple')",
            "return a framework.data.Dataset, not tu",
        ),
        ("dataset", "mine:pets('raise')", r"mine\.py:\d+: RuntimeError: boom"),
        ("dataset", "mine:pets('exit')", r"mine\.py:\d+: calls sys\.exit\(0\)"),
        (
            "dataset",
            "mine:pets('os')",
            r"mine\.py:\d+: FileNotFoundError: ",
        ),
        ("dataset", "mine:pets('list')", r"mine\.py:\d+: AttributeError: 'list'"),
        ("dataset", "mine:pets('rec')", r"mine\.py:\d+: RecursionError: maximum"),
        ("dataset", "mine:pets(kid='x')", r"arguments are pets\(kind='ok'\)"),
        ("dataset", "mine.pets", "module:name, as mine:pets"),
        ("dataset", "builtins:exit(0)", "exit"),
        ("dataset", "sys:exit(0)", "sys:exit: TypeError"),
        ("model", "mine:net('none')", "must be a keras.Model, not None"),
        ("model", "mine:net('frozen')", "has no trainable weights; set trainable=True"),
        ("model", "mine:net('raise')", r"mine\.py:\d+: TypeError: bad"),
        ("model", "mine:net('exit')", r"mine\.py:\d+: calls sys\.exit\(0\)"),
        ("model", "mine:net('layer')", "must be a keras.Model, not a Dense"),
        ("model", "mine:net('dict')", "must return a tensor, not a dict"),
        ("model", "mine:net('two inputs')", "cannot take images of"),
        ("model", "mine:net('call')", r"images of .*: mine\.py:\d+: KeyError: x"),
        ("model", "mine:net('call exit')", r"mine\.py:\d+: calls sys\.exit\(0\)"),
        ("model", "mine:none", r"must be a function of \(image_shape, num_classes, "),
        (
            "optimizer",
            "mine:none",
            "a keras.optimizers.Optimizer, not a NoneType",
        ),
        (
            "optimizer",
            "mine:fails",
            r"^--optimizer: mine:fails: mine\.py:\d+: Key",
        ),
        ("optimizer", "mine:decayed", "without a schedule, which --schedule gives"),
        ("schedule", "mine:none", r"must be a function of \(t, T, \.\.\.\)"),
        ("schedule", "mine:Empty", "must be a framework.schedules.Controller"),
        ("schedule", "mine:curve('x')", "a length is steps"),
        (
            "schedule",
            "mine:two(1)",
            r"two\(t, T, \.\.\.\) must return one number, not",
        ),
        (
            "schedule",
            "mine:text",
            r"text\(t, T, \.\.\.\) must return one number, no",
        ),
        ("schedule", "mine:divides", r"divides: mine\.py:\d+: ZeroDivisionError"),
        ("schedule", "exp_interp(start=0.)", "start and end must be positive"),
        ("schedule", "noise(std=0.)", "std must be positive"),
        ("schedule", "mine:nothing", r"nothing\(t, T, \.\.\.\) must return one number"),
        (
            "augment",
            "mine:none",
            "must be a framework.augment Geometric, Photo",
        ),
        ("augment", "mine:Empty + flip", "must be a framework.augment Geometric, Phot"),
        ("augment", "mine:Unfinished", "instantiate abstract class"),
        ("normalize", "mine:none", "must be a framework.augment.normalize.Scaling"),
        ("normalize", "unit + mine:Empty", "a framework.augment.normalize.Scaling"),
        (
            "normalize",
            "mine:NUMBER",
            "mine:NUMBER must be a function or class, not int",
        ),
    ],
)
def test_what_is_wrong_with_a_member_is_said_once(family, text, message):
    with pytest.raises(UsageError, match=message):
        built(family, text)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("height", r"images of \(0, 4, 1\) \(height, width, channels\) have no pixels"),
        ("channels", r"images of \(4, 4, 0\) \(height, width, channels\) have no pix"),
        ("float64", "images must be uint8 or float32"),
        ("same", "two or more classes of different names, not a, a"),
        ("negative", "label -1 of image 0 is not one of 0 to 1"),
    ],
)
def test_data_that_no_training_could_use(kind, message):
    # A side of 0 ends the process in a library of TensorFlow's.
    with pytest.raises(RunError, match=message):
        built("dataset", f"mine:pets({kind!r})")


@pytest.mark.parametrize(
    ("family", "text"),
    [
        ("dataset", "mine:pets"),
        ("dataset", "mine:pets(kind='ok')"),
        ("model", "mine:net"),
        ("model", "mine:embedded(3)"),
        ("optimizer", "mine:plain"),
        ("optimizer", "keras.optimizers:Adam(beta_1=.5)"),
        ("schedule", "mine:curve"),
        ("schedule", "warmup(5%) + mine:curve(10, 2.) + cosine"),
        ("schedule", "mine:Half * cosine"),
        ("augment", "rotate(20) + mine:Brighter(3.)"),
        ("normalize", "unit + mine:Shift"),
    ],
)
def test_every_family_takes_a_member_of_the_users_own(family, text):
    built(family, text)
    if family != "dataset":
        checks.check(Config(**{family: text}))


def test_a_run_of_nothing_but_the_users_own(tmp_path):
    config = Config(
        dataset="mine:pets",
        model="mine:embedded",
        optimizer="mine:plain",
        schedule="mine:curve(2) + mine:curve",
        augment="mine:Brighter(3.)",
        normalize="mine:Shift",
        batch_size=4,
        train_dev=0.0,
        train_for="2ep",
        workdir=str(tmp_path / "run"),
    )
    with warnings.catch_warnings():
        # An embedding's gradient has only the rows that were looked up.
        warnings.filterwarnings("ignore", "Converting sparse IndexedSlices")
        result = run(config, quiet=True)
    assert [row["step"] for row in result.history.rows] == [2, 4]
    assert np.isfinite(result.history.rows[-1]["train/loss"])
