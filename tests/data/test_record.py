"""Tests of framework/data/record.py."""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from framework import data
from framework.data import record
from framework.data.dataset import Dataset, Split
from framework.errors import UsageError

DRAWN = {"dataset": "folder('photographs', size=4)", "train_dev": 0.2, "seed": 0}
STATISTICS = {"mean": np.float32([0.5]), "whitening": np.ones((9, 9))}


def arrays(count=12, shift=0, labels=None):
    images = np.arange(count * 4, dtype=np.uint8).reshape(count, 2, 2, 1) + shift
    if labels is None:
        labels = np.arange(count, dtype=np.int32) % 3
    split = Split(images.astype(np.uint8), labels)
    return Dataset("arrays", split, split.take(np.arange(6)), ("a", "b", "c"))


def described(dataset, held_out=(0, 1), statistics=STATISTICS, drawn=DRAWN):
    return record.describe(dataset, np.array(held_out), statistics, drawn)


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


def test_it_comes_back_from_its_file(tmp_path):
    record.write(tmp_path, described(arrays()))
    actual = record.read(tmp_path)
    assert actual.difference(described(arrays())) == []
    fields = json.loads((tmp_path / "data.json").read_text())
    assert fields["splits"]["train"]["images"] == 12
    assert fields["splits"]["train"]["per_class"] == [4, 4, 4]
    assert fields["class_names"] == ["a", "b", "c"]
    assert fields["held_out"]["images"] == 2
    # A long statistic follows from the data.
    assert fields["normalize"] == {"mean": [0.5]}
    assert fields["files"] == {}


def test_without_a_file_there_is_no_record(tmp_path):
    assert record.read(tmp_path) is None


INVERTED = 2 - np.arange(12, dtype=np.int32) % 3


@pytest.mark.parametrize(
    ("changed", "lines"),
    [
        (described(arrays()), []),
        (described(arrays(), statistics={"mean": np.float32([0.5 + 1e-6])}), []),
        (
            described(arrays(13)),
            [
                "train, images: 12 -> 13",
                "train, images of each class: [4, 4, 4] -> [5, 4, 4]",
            ],
        ),
        (
            described(arrays(labels=INVERTED)),
            [
                "train: other images or labels, of the same number",
                "validation: other images or labels, of the same number",
            ],
        ),
        (
            described(arrays(shift=1)),
            [
                "train: other images or labels, of the same number",
                "validation: other images or labels, of the same number",
            ],
        ),
        (
            described(arrays(), held_out=(0, 2)),
            ["train_dev: other training images are held out"],
        ),
        (
            described(arrays(), statistics={"mean": np.float32([0.6])}),
            ["normalize: other statistics of the same training images"],
        ),
        (
            described(dataclasses.replace(arrays(), class_names=("a", "c", "b"))),
            ["class_names: ['a', 'b', 'c'] -> ['a', 'c', 'b']"],
        ),
    ],
)
def test_each_difference_is_a_line(changed, lines):
    before = described(arrays())
    assert before.difference(changed) == lines


def test_other_data_are_refused_with_their_differences(tmp_path):
    before = described(arrays())
    record.check(before, described(arrays()), tmp_path)
    with pytest.raises(UsageError, match="--allow_data_change\n    train, images: 12"):
        record.check(before, described(arrays(13)), tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "[]",
        "[" * 100_000,
        b"\xff",
        '{"format": 2}',
        '{"format": 1}',
        '{"format": 1, "splits": null}',
    ],
)
def test_a_damaged_file_is_one_line(tmp_path, text):
    text = text if isinstance(text, bytes) else text.encode()
    (tmp_path / "data.json").write_bytes(text)
    with pytest.raises(
        UsageError, match=r"data\.json is damaged .* delete it"
    ) as caught:
        record.read(tmp_path)
    assert "\n" not in str(caught.value)


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
    unchanged = recorded.keep_split(opened(photographs), DRAWN)
    assert names(unchanged) == names(before)
    # The first of its class in the alphabet shifts all others.
    add(photographs, "rose/000")
    gone = sorted(names(before)["validation"])[0]
    (photographs / gone).unlink()
    drawn_anew = opened(photographs)
    assert names(drawn_anew)["validation"] - names(before)["validation"]
    kept = recorded.keep_split(drawn_anew, DRAWN)
    assert names(kept)["validation"] == names(before)["validation"] - {gone}
    assert names(kept)["train"] == names(before)["train"] | {"rose/000.png"}
    labels = [
        kept.class_names.index(path.split("/")[-2]) for path in kept.train.images.paths
    ]
    assert kept.train.labels.tolist() == labels
    dev = recorded.held_out(kept, DRAWN)
    assert [kept.train.images.paths[index] for index in dev] == [
        before.train.images.paths[index] for index in held_out
    ]
    lines = recorded.difference(described(kept, dev))
    assert lines[0] == "train, images: 14 -> 15"


def test_a_division_by_other_flags_is_drawn_anew(photographs):
    recorded = described(opened(photographs), [0, 1])
    add(photographs, "rose/000")
    anew = opened(photographs)
    other = {**DRAWN, "dataset": "folder('photographs', size=4, seed=1)"}
    assert names(recorded.keep_split(anew, other)) == names(anew)
    assert recorded.held_out(anew, {**DRAWN, "train_dev": 0.1}) is None
    assert recorded.held_out(arrays(), DRAWN) is None
    # As in trials of a diagnosis: images in memory, of a division drawn at random.
    in_memory = dataclasses.replace(arrays(), is_split_drawn=True)
    assert recorded.keep_split(in_memory, DRAWN) is in_memory
    assert described(in_memory).fields["files"] == {}
