"""Tests of framework/launch/banner.py."""

import dataclasses

import numpy as np
import pytest

from framework import data
from framework.config import Config
from framework.launch import banner, components
from framework.launch.resume import Resumption


def test_tells_what_is_trained_on_and_with(tmp_path):
    path = tmp_path / "flagged.csv"
    path.write_text("split,index\ntrain,0\ntrain,1\n")
    whole = data.build("noise(train=100, validation=20, size=8)")
    weights = np.where(np.arange(100) < 50, 1, 3).astype(np.float32)
    dataset = dataclasses.replace(
        whole, train=dataclasses.replace(whole.train, weights=weights)
    )
    config = Config(
        model="mlp(units=(8,))",
        test="10%",
        train_dev=0.0,
        exclude=str(path),
        sampling="sqrt",
        workdir=str(tmp_path / "run"),
    )
    built = components.build(config, None, dataset, lambda *_: None)
    facts = banner.facts(config, built, Resumption(None, data=("train: other images",)))
    assert facts["data"] == "digits, 8x8x3"
    assert facts["held out"] == "0 of the training images"
    assert facts["left out"].startswith(f"{len(built.examples.excluded)} training")
    assert facts["sampling"] == "sqrt over the classes"
    assert facts["weights"].startswith("1 to 3, mean ")
    assert facts["test"] == "10 images, drawn from the training images; not looked at"
    assert facts["note"].endswith("with changes: data, train: other images")


def test_tells_nothing_of_what_is_not_used(tmp_path):
    config = Config(
        model="mlp(units=(8,))",
        dataset="noise(train=64, size=8)",
        workdir=str(tmp_path / "run"),
    )
    built = components.build(config, None, None, lambda *_: None)
    facts = banner.facts(config, built, Resumption(None))
    assert not {"left out", "sampling", "weights", "test"} & set(facts)


@pytest.mark.parametrize("length", ["5", "20ep", "0.5ep"])
def test_steps_that_may_be_meant_as_epochs_are_noted(length):
    config = Config(
        model="mlp(units=(8,))", dataset="noise(train=640, size=8)", train_for=length
    )
    built = components.build(config, None, None, lambda *_: None)
    note = banner.facts(config, built, Resumption(None)).get("note", "")
    text = "--train_for=5 is 5 steps, less than an epoch; 5 epochs are --train_for=5ep"
    assert (text in note) == (length == "5")
