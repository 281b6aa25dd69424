"""Tests of framework/data/record.py."""

import dataclasses
import json

import numpy as np
import pytest

from framework.data import description, record
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
    return description.describe(dataset, held_out, statistics, drawn, excluded)


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


def with_test(dataset):
    return hold_out_test(dataset, "3")


def test_a_test_part_of_other_arrays_is_refused():
    drawn = {**DRAWN, "test": "3"}
    recorded = described(with_test(arrays()), drawn=drawn)
    recorded.check_test(described(with_test(arrays()), drawn=drawn))
    others = [
        (recorded, arrays(labels=INVERTED)),
        (recorded, arrays(15)),
        # The images of the run were all trained on.
        (described(arrays()), arrays()),
    ]
    for before, now in others:
        with pytest.raises(UsageError, match="restore the data, or use another --work"):
            before.check_test(described(with_test(now), drawn=drawn))


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
