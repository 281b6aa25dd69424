"""Tests of framework/metrics/__init__.py."""

import sys

import numpy as np
import pytest

from framework import metrics
from framework.errors import RunError, UsageError

LABELS, LOGITS = np.array([0, 1, 1], np.int32), np.eye(2, dtype=np.float32)[[0, 1, 0]]
MINE = """
import numpy as np

def right(labels, logits, scale=1.0):
    return scale * np.mean(logits.argmax(axis=1) == labels)

def loss(labels, logits):
    return 0.5

def each(labels, logits):
    return labels

def broken(labels, logits):
    return {}["no"]

def auc(labels, logits):
    return 1.0
"""


@pytest.fixture(autouse=True)
def _mine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "mine.py").write_text(MINE)
    yield
    sys.modules.pop("mine", None)


def values(text):
    return {n: metric(LABELS, LOGITS) for n, metric in metrics.build(text).items()}


def test_names_are_those_of_the_spec():
    actual = values("balanced_accuracy + top_k(1) + mine:right + mine:right(scale=2)")
    assert actual == pytest.approx(
        {"balanced_accuracy": 0.75, "top_k(1)": 2 / 3, "right": 2 / 3}
        | {"right(scale=2)": 4 / 3}
    )
    assert values("") == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("auk", "unknown metric 'auk'; did you mean auc"),
        ("auc + auc", "auc is named twice"),
        ("auc * ece", "only '\\+' can join"),
        ("top_k('x')", "k must be int"),
        ("mine:nothing", "nothing"),
        ("os:getcwd", "a function of"),
        ("mine:auc", "there is a metric auc; rename your function"),
    ],
)
def test_refuses_other_specs(text, message):
    with pytest.raises(UsageError, match=message):
        metrics.build(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("top_k(0)", "top_k: k must be at least 1"),
        ("mine:each", r"mine:each must return a number, not \[2\]"),
        ("mine:broken", r"mine:broken: .*mine\.py:\d+: KeyError"),
        ("mine:loss", "every evaluation has a metric loss; rename your function"),
    ],
)
def test_what_fails_is_refused_before_training(text, message):
    with pytest.raises(UsageError, match=message):
        metrics.check(metrics.build(text), 2, ["accuracy", "loss"])


def test_what_fails_later_is_named():
    with pytest.raises(RunError, match="--metrics: mine:broken"):
        metrics.build("mine:broken")["broken"](LABELS, LOGITS)
