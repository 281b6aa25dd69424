"""Tests of the sound programs on real images."""

import collections
import dataclasses

import numpy as np
import pytest

from benchmarks.zoo import jobs, sound_programs, train
from benchmarks.zoo.cases import Program, Run
from benchmarks.zoo.train import Trained
from framework import data as data_lib
from framework.errors import UsageError
from framework.launch import checks

CASES = sound_programs.cases(list(sound_programs.KINDS))


def test_there_are_a_hundred_of_four_kinds():
    counts = collections.Counter(case.data for case in CASES.values())
    assert counts == dict.fromkeys(["digits", "clothes", "flowers", "patches"], 25)
    assert all(case.healthy for case in CASES.values())


def test_the_first_twenty_are_of_each_kind_and_training():
    first = list(CASES)[:20]
    for training in sound_programs.TRAININGS:
        assert sum(name.endswith(f"; {training}") for name in first) == 4
    assert sum(name.endswith(", run") for name in first) == 4
    assert {CASES[name].data for name in first[:4]} == set(sound_programs.KINDS)


@pytest.mark.parametrize("kind", sound_programs.KINDS)
def test_a_kind_has_as_many_models_as_networks(kind):
    assert len(sound_programs.KINDS[kind].networks) == 5
    assert len(sound_programs.KINDS[kind].models) == 5


@pytest.mark.parametrize("kind", ["digits", "patches"])
def test_runs_have_a_valid_config(kind):
    made = [
        case.make(0, True)
        for case in CASES.values()
        if case.data == kind and case.name.endswith(", run")
    ]
    assert len(made) == 5
    for each in made:
        assert isinstance(each, Run)
        checks.check(each.config)
        assert len(each.test().labels) > 300


def test_a_run_is_tested_on_images_that_it_does_not_train_on():
    made = sound_programs.case("patches", 0, sound_programs.RUN).make(1, True)
    data = data_lib.build(made.config.dataset)
    seen = {image.tobytes() for image in data.train.images}
    assert len(seen) == len(data.train.labels)
    assert not seen.intersection(image.tobytes() for image in made.test().images)


@pytest.mark.parametrize("training", sound_programs.TRAININGS)
def test_programs_can_be_made(training):
    made = sound_programs.case("patches", 0, training).make(0, True)
    assert isinstance(made, Program)
    assert made.model(made.test[0][:2]).shape == (2, 2)


def test_fewer_images_and_augmentation_are_what_they_are_called():
    make = sound_programs.case("digits", 2, "RMSprop, fewer images, augmented").make
    few = make(0, True)
    all_ = sound_programs.case("digits", 2, "Adam").make(0, True)
    assert len(few.train[1]) == 0.75 * len(all_.train[1])
    images = few.test[0][:1]
    drawn = [few.model(images, training=True) for _ in range(4)]
    assert len({float(each[0, 0]) for each in drawn}) > 1


def test_patches_do_not_overlap_and_are_of_both_photographs():
    data = sound_programs.patches(0)
    pixels = np.concatenate([data.x, data.vx, data.tx]).reshape(-1, 16 * 16 * 3)
    assert len(pixels) == 2 * 26 * 40
    for labels in (data.y, data.vy, data.ty):
        assert np.mean(labels) == pytest.approx(0.5, abs=0.08)


def test_patches_are_pieces_of_the_photographs():
    from sklearn.datasets import load_sample_images

    corner = load_sample_images().images[0][:16, :16].astype(np.float32)
    data = sound_programs.patches(0)
    whole = np.concatenate([data.x, data.vx, data.tx])
    assert any(np.array_equal(each, corner) for each in whole)


def test_the_probe_is_above_chance():
    assert 0.9 < sound_programs.probe("digits", 0) < 1


def test_kinds_that_are_missing_are_left_out(monkeypatch):
    def fail(seed):
        raise UsageError("no such folder")

    kinds = dict(sound_programs.KINDS)
    for name in ("clothes", "flowers"):
        kinds[name] = dataclasses.replace(kinds[name], data=fail)
    monkeypatch.setattr(sound_programs, "KINDS", kinds)
    assert sound_programs.available() == ["digits", "patches"]


@pytest.mark.parametrize(("accuracy", "is_sound"), [(0.87, False), (0.89, True)])
def test_only_what_is_not_worse_than_the_probe_is_diagnosed(
    monkeypatch, accuracy, is_sound
):
    monkeypatch.setattr(train, "train", lambda made: Trained(accuracy, 0.9, ()))
    monkeypatch.setattr(jobs, "diagnosed", lambda case, seed: {"findings": []})
    monkeypatch.setattr(sound_programs, "probe", lambda kind, seed: 0.9)
    line = sound_programs.measure(CASES["digits: dense; Adam"], 2)
    assert ("findings" in line) == is_sound
    assert line["accuracy"] == accuracy
    assert (line["case"], line["seed"]) == ("digits: dense; Adam", 2)


def test_a_training_that_fails_says_where(monkeypatch):
    def fail(made):
        raise ValueError("no images")

    monkeypatch.setattr(train, "train", fail)
    line = sound_programs.measure(CASES["digits: dense; Adam"], 0)
    assert line["error"].endswith("no images")
