"""Tests of framework/data/kept_division.py."""

import dataclasses
import shutil

import numpy as np
import pytest
from PIL import Image

from framework import data
from framework.data import description, kept_division
from framework.data.dataset import Dataset
from framework.data.hold_out import hold_out_test
from framework.data.split import Split
from framework.errors import UsageError

DRAWN = {"dataset": "folder('photographs', size=4)", "train_dev": 0.2, "seed": 0}


def arrays():
    split = Split(np.zeros((12, 2, 2, 1), np.uint8), np.arange(12, dtype=np.int32) % 3)
    return Dataset("arrays", split, split.take(np.arange(6)), ("a", "b", "c"))


def described(dataset, held_out, drawn=DRAWN):
    return description.describe(dataset, np.array(held_out), {}, drawn)


@pytest.fixture
def photographs(tmp_path):
    """A folder of ten photographs of each of two classes."""
    generator = np.random.default_rng(0)
    for name in ("rose", "tulip"):
        (tmp_path / "photographs" / name).mkdir(parents=True)
        for index in range(10):
            add(tmp_path / "photographs", f"{name}/{index:02}", generator)
    return tmp_path / "photographs"


def add(folder, name, generator=None):
    generator = generator or np.random.default_rng(1)
    pixels = generator.integers(0, 255, (4, 4, 3), np.uint8)
    Image.fromarray(pixels).save(folder / f"{name}.png")


def opened(folder):
    return data.build(f"folder({str(folder)!r}, size=4, validation=.3)")


def names(dataset):
    return {
        name: {path.rpartition("photographs/")[2] for path in split.images.paths}
        for name, split in (
            ("train", dataset.train),
            ("validation", dataset.validation),
        )
    }


def test_the_evaluation_split_survives_added_and_deleted_files(photographs):
    before = opened(photographs)
    held_out = np.array([0, 3, 9])
    recorded = described(before, held_out)
    unchanged = kept_division.keep_split(recorded, opened(photographs), DRAWN)
    assert names(unchanged) == names(before)
    # The first of its class in the alphabet shifts all others.
    add(photographs, "rose/000")
    gone = sorted(names(before)["validation"])[0]
    (photographs / gone).unlink()
    drawn_anew = opened(photographs)
    assert names(drawn_anew)["validation"] - names(before)["validation"]
    kept = kept_division.keep_split(recorded, drawn_anew, DRAWN)
    assert names(kept)["validation"] == names(before)["validation"] - {gone}
    assert names(kept)["train"] == names(before)["train"] | {"rose/000.png"}
    labels = [
        kept.class_names.index(path.split("/")[-2]) for path in kept.train.images.paths
    ]
    assert kept.train.labels.tolist() == labels
    dev = kept_division.held_out(recorded, kept, DRAWN)
    assert [kept.train.images.paths[index] for index in dev] == [
        before.train.images.paths[index] for index in held_out
    ]
    lines = recorded.difference(described(kept, dev))
    assert lines[0] == "train, images: 14 -> 15"


def with_test(dataset, recorded=None, portion="20%"):
    rows = kept_division.test_part(recorded, dataset) if recorded else None
    return hold_out_test(dataset, portion, rows)


def files_of(split):
    return {path.rpartition("/photographs/")[2] for path in split.paths}


@pytest.mark.parametrize("is_divided", [True, False])
def test_the_test_part_survives_added_and_deleted_files(photographs, is_divided):
    """In folders `train` and `validation` as well, where names were not kept before."""

    def read():
        if is_divided:
            return opened(photographs)
        return data.build(f"folder({str(parts)!r}, size=4)")

    parts = photographs.parent / "parts" / "photographs"
    if not is_divided:
        for name in ("train", "validation"):
            shutil.copytree(photographs, parts / name)
    folder = photographs if is_divided else parts / "train"
    drawn = {**DRAWN, "test": "20%"}
    before = with_test(read())
    recorded = described(before, [0, 1], drawn=drawn)
    unseen = files_of(before.test)
    # The first of its class in the alphabet shifts all others.
    add(folder, "rose/000")
    gone = sorted(unseen)[0]
    (folder.parent / "photographs" / gone if is_divided else parts / gone).unlink()
    anew = kept_division.keep_split(recorded, read(), drawn)
    assert files_of(with_test(anew).test) - unseen
    kept = with_test(anew, recorded)
    assert files_of(kept.test) == unseen - {gone}
    assert not files_of(kept.train) & unseen
    now = described(kept, [0, 1], drawn=drawn)
    recorded.check_test(now)
    count = len(unseen)
    assert f"test, images: {count} -> {count - 1}" in recorded.difference(now)
    # With another portion, too, no image is moved that may have been trained on.
    assert files_of(with_test(anew, recorded, "50%").test) == unseen - {gone}
    with pytest.raises(UsageError, match="draw images that this run was trained on"):
        recorded.check_test(described(with_test(anew), [0, 1], drawn=drawn))


def test_a_division_by_other_flags_is_drawn_anew(photographs):
    recorded = described(opened(photographs), [0, 1])
    add(photographs, "rose/000")
    anew = opened(photographs)
    other = {**DRAWN, "dataset": "folder('photographs', size=4, seed=1)"}
    assert names(kept_division.keep_split(recorded, anew, other)) == names(anew)
    assert kept_division.held_out(recorded, anew, {**DRAWN, "train_dev": 0.1}) is None
    assert kept_division.held_out(recorded, arrays(), DRAWN) is None
    # As in trials of a diagnosis: images in memory, of a division drawn at random.
    in_memory = dataclasses.replace(arrays(), is_split_drawn=True)
    assert kept_division.keep_split(recorded, in_memory, DRAWN) is in_memory
    assert described(in_memory, [0, 1]).fields["files"] == {}
