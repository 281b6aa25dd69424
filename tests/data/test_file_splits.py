"""Tests of framework/data/file_splits.py."""

import numpy as np
import pytest
from PIL import Image

from framework.data.file_splits import check_classes, divide, without_corrupt
from framework.data.files import Files
from framework.data.split import LazySplit
from framework.errors import RunError, UsageError

LABELS = np.arange(6, dtype=np.int32) % 2


def split(folder, bad=()):
    paths = [folder / f"{index}.png" for index in range(6)]
    for index, path in enumerate(paths):
        Image.new("L", (2, 2), index).save(path)
        if index in bad:
            path.write_bytes(b"no image")
    weights = np.arange(6, dtype=np.float32)
    return LazySplit(Files(tuple(map(str, paths)), (2, 2)), LABELS, weights, LABELS)


def test_weights_and_groups_follow_the_readable_files(tmp_path):
    notes = []
    kept = without_corrupt(split(tmp_path, bad=(1, 4)), notes)
    assert kept.weights.tolist() == [0, 2, 3, 5]
    assert kept.groups.tolist() == kept.labels.tolist() == [0, 0, 1, 1]
    assert notes[0].startswith("2 unreadable files left out: ")
    assert "1.png" in notes[0]
    assert "4.png" in notes[0]


def test_refuses_classes_without_images():
    with pytest.raises(RunError, match="has no readable images of 'b'; add some"):
        check_classes(np.array([2, 0]), ("a", "b"), "labels.csv")
    with pytest.raises(RunError, match=r"'labels\.csv' has only one class"):
        check_classes(np.array([2]), ("a",), "labels.csv")


def test_a_division_needs_validation_images(tmp_path):
    with pytest.raises(UsageError, match="leaves no validation image"):
        divide(split(tmp_path), 0.1, 0, ("a", "b"), [])
