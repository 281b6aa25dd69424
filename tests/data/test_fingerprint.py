"""Tests of framework/data/fingerprint.py."""

import dataclasses
import os

import numpy as np
import pytest

from framework.data import fingerprint
from framework.data.dataset import Dataset
from framework.data.files import Files
from framework.data.split import LazySplit, Split

LABELS = np.array([0, 1, 1], np.int32)


def files(folder, contents=(b"one", b"two", b"three"), names=("a", "b", "c")):
    paths = []
    for name, content in zip(names, contents, strict=True):
        path = folder / "class" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        paths.append(str(path))
    return LazySplit(Files(tuple(paths), (4, 4)), LABELS)


def digest(split):
    return fingerprint.describe(split, 2)["digest"]


def test_a_copy_elsewhere_has_the_same_fingerprint(tmp_path):
    actual = fingerprint.describe(files(tmp_path / "one"), 2)
    assert actual == fingerprint.describe(files(tmp_path / "two"), 2)
    assert (actual["images"], actual["per_class"], actual["covers"]) == (
        3,
        [1, 2],
        "content",
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"contents": (b"one", b"twi", b"three")},
        {"names": ("a", "b", "d")},
        {"names": ("b", "a", "c")},
    ],
)
def test_other_files_have_another(tmp_path, changed):
    assert digest(files(tmp_path / "one")) != digest(files(tmp_path / "two", **changed))


def test_of_many_bytes_names_sizes_and_labels_are_compared(tmp_path, monkeypatch):
    monkeypatch.setattr(fingerprint, "_CONTENT_LIMIT", 5)
    before = files(tmp_path / "one")
    assert fingerprint.describe(before, 2)["covers"] == "names and sizes"
    assert digest(files(tmp_path / "two", (b"oni", b"two", b"three"))) == digest(before)
    shorter = files(tmp_path / "three", (b"on", b"two", b"three"))
    assert digest(shorter) != digest(before)
    relabelled = LazySplit(before.images, LABELS[::-1])
    assert digest(relabelled) != digest(before)


def test_names_of_a_drawn_test_part_are_beside_the_others(tmp_path):
    split = files(tmp_path)
    first, last = split.take(np.array([0, 1])), split.take(np.array([2]))
    given = Dataset("files", first, first, ("a", "b"), test=last)
    assert fingerprint.file_names(given) == {
        "train": ["a", "b"],
        "validation": ["a", "b"],
    }
    drawn = dataclasses.replace(given, is_test_drawn=True)
    assert fingerprint.file_names(drawn)["test"] == ["c"]


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_arrays_are_compared_by_content(dtype):
    images = np.arange(3 * 4, dtype=dtype).reshape(3, 2, 2, 1)
    before = Split(images, LABELS)
    # A view with gaps has the same content.
    view = np.repeat(images, 2, axis=0)[::2]
    assert digest(Split(view, LABELS)) == digest(before)
    changed = images.copy()
    changed[1, 0, 0, 0] += 1
    assert digest(Split(changed, LABELS)) != digest(before)
    assert digest(Split(images, np.int32([1, 0, 1]))) != digest(before)


def test_names_that_are_no_text(tmp_path):
    name = os.fsdecode(b"\xff.jpg")
    split = files(tmp_path, names=(name, "b", "c"))
    assert digest(split)


def test_other_weights_have_another_fingerprint(tmp_path):
    plain = files(tmp_path / "one")
    weights = np.array([1, 1, 2], np.float32)
    weighted = dataclasses.replace(plain, weights=weights)
    assert digest(weighted) != digest(plain)
    assert digest(weighted) != digest(dataclasses.replace(plain, weights=weights[::-1]))
