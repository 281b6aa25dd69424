"""Tests of framework/launch/examples.py."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from framework import data
from framework.config import Config
from framework.errors import UsageError
from framework.launch import examples as examples_lib


def build(config, dataset=None):
    strategy = tf.distribute.get_strategy()
    return examples_lib.build(config, dataset, strategy, None, lambda *_: None)


@pytest.mark.parametrize(
    ("changes", "further"),
    [({}, {}), ({"test": "10%"}, {"test": "10%"}), ({"fold": "2/5"}, {"fold": "2/5"})],
)
def test_division_depends_on_few_flags(changes, further):
    config = Config(dataset="noise", seed=3, learning_rate=1.0, **changes)
    expected = {"dataset": "noise", "train_dev": 0.05, "seed": 3}
    assert examples_lib.drawn_by(config) == {**expected, **further}


def test_the_test_part_does_not_depend_on_the_fold(tmp_path):
    config = Config(workdir=str(tmp_path / "run"), test="10%")
    one, other = (
        build(dataclasses.replace(config, fold=fold)) for fold in ("1/3", "2/3")
    )
    assert np.array_equal(one.dataset.test.images, other.dataset.test.images)
    counts = len(one.train), len(one.train_dev), len(one.dataset.validation)
    assert sum(counts) + len(one.dataset.test) == 1797


@pytest.fixture
def flagged(tmp_path):
    """A list of training images of digits."""
    path = tmp_path / "flagged.csv"
    lines = [f"train,{row}" for row in range(100, 400)]
    path.write_text("\n".join(["split,index", *lines, "validation,3", ""]))
    return path


def test_listed_images_are_not_trained_on(tmp_path, flagged):
    config = Config(workdir=str(tmp_path / "run"), exclude=str(flagged), test="10%")
    whole = dataclasses.replace(config, exclude="")
    examples, other = build(config), build(whole)
    assert not {*examples.train.tolist()} & set(range(100, 400))
    # All else is as without the list; images held out stay.
    assert np.array_equal(examples.train_dev, other.train_dev)
    assert len(examples.dataset.test) == len(other.dataset.test)
    left = set(other.train) - set(examples.train)
    assert (
        left
        == set(examples.excluded)
        == set(range(100, 400)) - {*examples.train_dev.tolist()}
    )
    assert "1 lines name validation or test" in examples.dataset.notes[-1]


def test_a_class_without_training_images_is_refused(tmp_path):
    path = tmp_path / "all.csv"
    zeros = np.flatnonzero(data.build("digits").train.labels == 0)
    path.write_text("split,index\n" + "".join(f"train,{row}\n" for row in zeros))
    with pytest.raises(UsageError, match="exclude leaves no training image of '0'"):
        build(Config(workdir=str(tmp_path / "run"), exclude=str(path)))
