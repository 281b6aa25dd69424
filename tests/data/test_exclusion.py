"""Tests of framework/data/exclusion.py."""

import os

import numpy as np
import pytest
from PIL import Image

from framework import data
from framework.data import exclusion
from framework.data.dataset import Dataset
from framework.data.exclusion import ListedImage, find
from framework.data.hold_out import hold_out_test
from framework.data.split import Split
from framework.errors import UsageError

CLASSES = ("rose", "tulip")


@pytest.fixture
def listed(tmp_path, monkeypatch):
    """Writes a list with some text, and returns its name."""
    monkeypatch.chdir(tmp_path)

    def listed(text, name="list.csv"):
        content = text if isinstance(text, bytes) else text.encode()
        (tmp_path / name).write_bytes(content)
        return name

    return listed


def arrays(count=10):
    images = np.arange(4 * count, dtype=np.uint8).reshape(count, 2, 2, 1)
    split = Split(images, np.arange(count, dtype=np.int32) % 2)
    return Dataset("arrays", split, split.take(np.arange(4)), CLASSES)


def photographs(tmp_path):
    """Returns a folder of ten photographs of each of two classes."""
    generator = np.random.default_rng(0)
    for name in CLASSES:
        (tmp_path / "photographs" / name).mkdir(parents=True)
        for index in range(10):
            pixels = generator.integers(0, 255, (4, 4, 3), np.uint8)
            path = tmp_path / "photographs" / name / f"{index:02}, a.png"
            Image.fromarray(pixels).save(path)
    return data.build("folder('photographs', size=4, validation=.3)")


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("split,index\n", []),
        ("split,index\ntrain,3\ntrain,0\ntrain,3\n", [0, 3]),
        ("index,x,split\n9,y,train\n", [9]),
        # As Excel writes it.
        ("\ufeffsplit,index\r\ntrain,3\r\n", [3]),
        ("split,index,label\ntrain,3,tulip\ntrain,4,\n", [3, 4]),
        ("split,file,index\ntrain,,5\n", [5]),
    ],
)
def test_images_are_found_by_their_positions(listed, text, rows):
    actual, note = find(arrays(), listed(text))
    assert (actual.tolist(), actual.dtype, note) == (rows, np.int64, "")


def test_validation_and_test_images_stay_and_are_told(listed):
    text = "split,index\nvalidation,0\ntrain,2\ntest,99999\n"
    rows, note = find(arrays(), listed(text))
    assert rows.tolist() == [2]
    assert note == "--exclude: 2 lines name validation or test images, which stay"


def test_several_lists_are_joined(listed):
    first = listed("split,index\ntrain,3\n", "a.csv")
    second = listed("split,index\ntrain,1\ntrain,3\n", "b.csv")
    assert find(arrays(), f"{first}, {second}")[0].tolist() == [1, 3]
    assert find(arrays(), "")[0].tolist() == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must have the columns split and file, or split and index, not ''"),
        ("index\n3\n", "columns split and file, or split and index, not 'index'"),
        ("split,image\ntrain,3\n", "columns split and file"),
        ("split,index\ntrain,10\n", "line 2: index must be from 0 to 9"),
        ("split,index\ntrain,1\ntrain,-1\n", "line 3: index must be .* not '-1'"),
        ("split,index\ntrain,\u00b2\n", "index must be from 0 to 9"),
        ("split,index\ntrain," + "9" * 9999 + "\n", "index must be from 0 to 9"),
        ("split,index\ntrain\n", "line 2 must have a split .* and a file or an index"),
        ("split,index\ndev,1\n", "line 2 must have a split .* not 'dev', '1'"),
        ("split,file\ntrain,x.png\n", "line 2: arrays has no image 'x.png'"),
        (
            "split,index,label\ntrain,3,rose\n",
            "image 3 of train has the label 'tulip', not 'rose'; this list is of other",
        ),
        ("split,index\ntrain," + "x" * 200_000 + "\n", "field larger than"),
        (b"split,index\ntrain,\xff\x1b\n", "line 2: index must be from 0 to 9"),
    ],
)
def test_a_wrong_list_is_one_line(listed, text, message):
    with pytest.raises(UsageError, match=f"^--exclude: .*{message}") as caught:
        find(arrays(), listed(text))
    assert "\n" not in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "name", ["nowhere.csv", ".", "/dev/zero", "~nosuchuser/a", "\ud800"]
)
def test_what_is_no_file_is_one_line(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"^--exclude"):
        find(arrays(), name)


def test_a_list_of_files_comes_back(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    dataset = photographs(tmp_path)
    rows = np.array([9, 2])
    images = exclusion.listed(dataset, rows, ["rose", ""], ["a, b", "c"])
    exclusion.write(tmp_path / "list.csv", images)
    lines = (tmp_path / "list.csv").read_text().splitlines()
    assert lines[0] == "split,file,label,likely_label,reason"
    assert lines[1].startswith('train,"photographs/tulip/')
    assert lines[1].endswith('.png",tulip,rose,"a, b"')
    assert find(dataset, "list.csv")[0].tolist() == [2, 9]
    # From elsewhere as well, by the names of data.json.
    files = [os.path.relpath(dataset.train.paths[row], "photographs") for row in rows]
    images = [ListedImage("train", file) for file in files]
    exclusion.write(tmp_path / "names.csv", images)
    assert find(dataset, "names.csv")[0].tolist() == [2, 9]


def test_a_list_of_positions_comes_back(tmp_path):
    images = exclusion.listed(arrays(), np.array([4]), ["tulip"], ["odd"])
    exclusion.write(tmp_path / "list.csv", images)
    text = (tmp_path / "list.csv").read_text()
    assert text == "split,index,label,likely_label,reason\ntrain,4,rose,tulip,odd\n"
    assert find(arrays(), str(tmp_path / "list.csv"))[0].tolist() == [4]


def test_a_file_that_another_division_validates_on_stays(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    dataset = hold_out_test(photographs(tmp_path), "30%")
    others = (*dataset.validation.paths, *dataset.test.paths)
    exclusion.write(tmp_path / "a.csv", [ListedImage("train", each) for each in others])
    rows, note = find(dataset, "a.csv")
    assert (len(rows), len(others)) == (0, 10)
    assert "10 lines name validation or test images" in note


def test_a_digest_is_of_the_content(listed):
    first = exclusion.sha256(listed("split,index\n"))
    assert first == exclusion.sha256(listed("split,index\n", "other.csv"))
    assert first != exclusion.sha256(listed("split,index\ntrain,1\n"))
