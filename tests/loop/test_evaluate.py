"""Tests of framework/loop/evaluate.py."""

import numpy as np
import pytest

from framework.errors import Stopped
from framework.loop.evaluate import Evaluations, metric_names, summaries
from framework.numerics.metrics import Predictions

NAMES = ("cat", "dog")


def predictions():
    labels = np.array([0, 1, 0, 1], np.int32)
    return Predictions(labels, labels, 0 * labels, np.full(4, 0.5), np.full(4, 0.7))


def test_each_question_is_asked_in_its_turn():
    calls = []

    def ask(name):
        return lambda check: calls.append((name, check)) or predictions()

    evaluations = Evaluations({name: ask(name) for name in ("a", "b")}, NAMES)
    actual = evaluations(print)
    assert calls == [("a", print), ("b", print)]
    assert evaluations.summaries(actual) == summaries(actual, NAMES)


def test_what_the_check_raises_breaks_it_off():
    def check():
        raise Stopped

    evaluations = Evaluations({"a": lambda check: check()}, NAMES)
    with pytest.raises(Stopped):
        evaluations(check)


def test_metric_names_are_those_of_an_evaluation():
    names = metric_names(NAMES, has_dev=False)
    actual = summaries(
        {"train_clean": predictions(), "validation": predictions()}, NAMES
    )
    assert sorted(names) == sorted([*actual, "train/accuracy", "train/loss"])
    assert len(names) == len(set(names))
    more = set(metric_names(NAMES, has_dev=True)) - set(names)
    assert more == {"train_dev/accuracy", "train_dev/loss"}


def test_weighted_metrics_are_named_where_there_are_weights():
    plain = set(metric_names(NAMES, has_dev=True))
    names = ("weighted_accuracy", "weighted_loss")
    more = set(metric_names(NAMES, has_dev=True, weighted=["validation"])) - plain
    assert more == {f"validation/{name}" for name in names}
    more = set(metric_names(NAMES, has_dev=False, weighted=["train"])) - plain
    assert more == {f"{split}/{n}" for split in ("train", "train_clean") for n in names}


def test_several_labels_have_metrics_of_their_own():
    names = metric_names(NAMES, has_dev=False, has_several_labels=True)
    assert set(names) == {
        "train/subset_accuracy",
        "train/loss",
        "train_clean/subset_accuracy",
        "train_clean/mAP",
        "train_clean/loss",
        "validation/subset_accuracy",
        "validation/mAP",
        "validation/macro_f1",
        "validation/micro_f1",
        "validation/loss",
        "validation/average_precision/cat",
        "validation/average_precision/dog",
    }
