"""Tests of framework/data/record.py."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
from PIL import Image

from framework import data
from framework.data import record
from framework.data.dataset import Dataset
from framework.data.hold_out import hold_out_test
from framework.data.split import Split
from framework.errors import UsageError

DRAWN = {"dataset": "folder('photographs', size=4)", "train_dev": 0.2, "seed": 0}
STATISTICS = {"mean": np.float32([0.5]), "whitening": np.ones((9, 9))}


def arrays(count=12, shift=0, labels=None):
    images = np.arange(count * 4, dtype=np.uint8).reshape(count, 2, 2, 1) + shift
    if labels is None:
        labels = np.arange(count, dtype=np.int32) % 3
    split = Split(images.astype(np.uint8), labels)
    return Dataset("arrays", split, split.take(np.arange(6)), ("a", "b", "c"))


def described(
    dataset, held_out=(0, 1), statistics=STATISTICS, drawn=DRAWN, excluded=()
):
    held_out, excluded = np.array(held_out), np.array(excluded, np.int64)
    return record.describe(dataset, held_out, statistics, drawn, excluded)


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
            described(arrays(), excluded=[4, 7]),
            ["exclude: other training images (0 -> 2)"],
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


def test_other_images_of_the_same_number_are_left_out(tmp_path):
    record.write(tmp_path, described(arrays(), excluded=[4, 7]))
    before = record.read(tmp_path)
    assert before.fields["excluded"]["images"] == 2
    assert before.difference(described(arrays(), excluded=[4, 7])) == []
    lines = before.difference(described(arrays(), excluded=[4, 8]))
    assert lines == ["exclude: other training images (2 -> 2)"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("excluded", 3),
        ("excluded", {}),
        ("excluded", {"images": "2", "digest": ""}),
        ("sampled", {}),
        ("sampled", ["x"]),
    ],
)
def test_a_damaged_field_is_one_line(tmp_path, name, value):
    record.write(
        tmp_path, record.DataRecord({**described(arrays()).fields, name: value})
    )
    with pytest.raises(UsageError, match=r"data\.json is damaged .* delete it"):
        record.read(tmp_path)


def test_the_classes_of_the_first_epoch_are_recorded():
    sampled = np.array([0, 0, 2])
    fields = record.describe(arrays(), np.zeros(0), {}, DRAWN, sampled=sampled).fields
    assert fields["sampled"] == [2, 0, 1]
    assert "sampled" not in described(arrays()).fields


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


def with_test(dataset, recorded=None, portion="20%"):
    rows = recorded.test(dataset) if recorded else None
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
    anew = recorded.keep_split(read(), drawn)
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


def test_a_test_part_of_other_arrays_is_refused():
    drawn = {**DRAWN, "test": "3"}
    recorded = described(with_test(arrays(), portion="3"), drawn=drawn)
    recorded.check_test(described(with_test(arrays(), portion="3"), drawn=drawn))
    others = [
        (recorded, arrays(labels=INVERTED)),
        (recorded, arrays(15)),
        # The images of the run were all trained on.
        (described(arrays()), arrays()),
    ]
    for before, now in others:
        with pytest.raises(UsageError, match="restore the data, or use another --work"):
            before.check_test(described(with_test(now, portion="3"), drawn=drawn))


def test_a_test_part_of_its_own_may_be_added_but_not_lost():
    """Earlier versions did not read it."""
    own = dataclasses.replace(arrays(), test=arrays().train.take(np.arange(3)))
    before, now = described(arrays()), described(own)
    before.check_test(now)
    assert before.difference(now) == []
    assert now.difference(before) == [
        "test, images: 3 -> 0",
        "test, images of each class: [1, 1, 1] -> []",
    ]
    changed = dataclasses.replace(own, test=own.train.take(np.arange(1, 4)))
    assert now.difference(described(changed)) == [
        "test: other images or labels, of the same number"
    ]


def test_without_a_test_part_the_record_is_as_before():
    fields = described(arrays()).fields
    assert fields["splits"].keys() == {"train", "validation"}
    assert fields["drawn"].keys() == {"dataset", "train_dev", "seed"}


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
