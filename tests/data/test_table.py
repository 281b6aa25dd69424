"""Tests of framework/data/table.py."""

import random

import numpy as np
import pytest
from PIL import Image

from framework import data
from framework.data import description, kept_division
from framework.data.dataset import Dataset
from framework.data.table import table
from framework.errors import RunError, UsageError


def write(folder, count=12):
    """Writes images in two folders, each of a shade of its own."""
    for index in range(count):
        path = folder / "images" / f"{index:02}.png"
        path.parent.mkdir(exist_ok=True)
        Image.new("L", (6, 4), index * 10).save(path)


def listed(folder, lines, header="image,label", name="labels.csv"):
    (folder / name).write_text("\n".join([header, *lines]) + "\n")
    return str(folder / name)


def lines(count=12, more=lambda index: ""):
    return [
        f"images/{index:02}.png,{'rose' if index % 2 else 'aster'}{more(index)}"
        for index in range(count)
    ]


def shades(split):
    return sorted(split.in_memory(lambda *_: None).images[:, 0, 0, 0].tolist())


def names(split):
    return [path.rpartition("/")[2] for path in split.paths]


def test_draws_a_stratified_split_whatever_the_order_of_the_lines(tmp_path):
    write(tmp_path)
    path = listed(tmp_path, lines())
    dataset = table(path, size=4, validation=0.34, channels=1)
    assert isinstance(dataset, Dataset)
    assert dataset.class_names == ("aster", "rose")
    assert np.bincount(dataset.validation.labels).tolist() == [2, 2]
    assert dataset.is_split_drawn
    assert shades(dataset.train) + shades(dataset.validation) != list(range(0, 120, 10))
    both = shades(dataset.train) + shades(dataset.validation)
    assert sorted(both) == list(range(0, 120, 10))
    for split in (dataset.train, dataset.validation):
        # The shades of asters are even.
        images = split.in_memory(lambda *_: None).images[:, 0, 0, 0] // 10 % 2
        assert images.tolist() == split.labels.tolist()
    mixed = lines()
    random.Random(1).shuffle(mixed)
    other = table(listed(tmp_path, mixed), size=4, validation=0.34, channels=1)
    assert other.validation.paths == dataset.validation.paths
    assert other.train.paths == dataset.train.paths


def test_takes_the_splits_and_weights_of_the_table(tmp_path):
    write(tmp_path)
    kinds = ["train", "train", "validation", "train", "train", "test"] * 2
    path = listed(
        tmp_path,
        lines(more=lambda index: f",{kinds[index]},{index / 4}"),
        "image,label,part,w",
    )
    dataset = table(path, split="part", weight="w", size=4)
    assert names(dataset.validation) == ["02.png", "08.png"]
    assert names(dataset.test) == ["05.png", "11.png"]
    assert not dataset.is_split_drawn
    assert dataset.notes == ("there are no validation images of 'rose'",)
    assert dataset.train.weights.dtype == np.float32
    order = [int(name[:2]) / 4 for name in names(dataset.train)]
    assert dataset.train.weights.tolist() == order


def test_draws_validation_images_if_the_table_has_none(tmp_path):
    write(tmp_path)
    path = listed(
        tmp_path,
        lines(more=lambda index: ",test" if index < 2 else ",train"),
        "image,label,split",
    )
    dataset = table(path, split="split", size=4)
    assert (len(dataset.train), len(dataset.validation)) == (8, 2)
    assert names(dataset.test) == ["00.png", "01.png"]


def test_draws_whole_groups(tmp_path):
    write(tmp_path, 24)
    path = listed(
        tmp_path, lines(24, more=lambda index: f",p{index // 4}"), "image,label,patient"
    )
    dataset = table(path, group="patient", size=4, validation=0.3)
    sides = [set(split.groups) for split in (dataset.train, dataset.validation)]
    assert not sides[0] & sides[1]
    assert (len(dataset.train), len(dataset.validation)) == (16, 8)


def test_new_images_of_a_group_go_where_it_is(tmp_path):
    """A resumed run does not train on new images of patients to validate on."""
    write(tmp_path, 25)
    header = "image,label,patient"
    everything = lines(24, more=lambda index: f",p{index // 4}")
    spec = f"table({str(tmp_path / 'labels.csv')!r}, group='patient', size=4)"
    listed(tmp_path, everything, header)
    drawn = {"dataset": spec, "train_dev": 0.2, "seed": 0}
    first = data.build(spec)
    described = description.describe(first, np.zeros(0, np.int64), {}, drawn)
    held_out = int(names(first.validation)[0][:2]) // 4
    listed(tmp_path, [*everything, f"images/24.png,aster,p{held_out}"], header)
    kept = kept_division.keep_split(described, data.build(spec), drawn)
    assert set(names(kept.validation)) == {*names(first.validation), "24.png"}
    assert kept.train.paths == first.train.paths


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (["10", "9", "-1"], ("-1", "9", "10")),
        (["10", "9", "09"], ("09", "10", "9")),
        (["b", "B", "a"], ("B", "a", "b")),
    ],
)
def test_integers_are_sorted_as_numbers(tmp_path, labels, classes):
    write(tmp_path)
    rows = [f"images/{index:02}.png,{labels[index % 3]}" for index in range(12)]
    dataset = table(listed(tmp_path, rows), size=4, validation=0.25)
    assert dataset.class_names == classes


def test_files_are_relative_to_the_table_or_to_root(tmp_path):
    write(tmp_path)
    plain = table(listed(tmp_path, lines()), size=4)
    (tmp_path / "lists").mkdir()
    path = listed(tmp_path / "lists", lines())
    with pytest.raises(RunError, match=r"line 2: there is no file .* \(12 such lines"):
        table(path, size=4)
    rooted = table(path, root=str(tmp_path), size=4)
    absolute = [f"{tmp_path}/{line}" for line in lines()]
    for other in (rooted, table(listed(tmp_path / "lists", absolute), size=4)):
        assert other.train.paths == plain.train.paths


@pytest.mark.parametrize(
    ("line", "options", "error", "message"),
    [
        ("images/11.png,rose,train,p1,1", {"label": "class"}, UsageError, "no column"),
        ("images/no.png,rose,train,p1,1", {}, RunError, "no.png.*correct the line"),
        ("images/11.png,rose,val,p1,1", {}, RunError, "must be train, validation or"),
        (
            "images/../images/00.png,rose,test,p1,1",
            {},
            RunError,
            "is in line 2 as well",
        ),
        (
            "images/11.png,rose,test,p1,1",
            {},
            RunError,
            "patient 'p1' is in 'test', but",
        ),
        ("images/11.png,rose,train,p1,nan", {}, RunError, "w must be a number.*'nan'"),
        (
            "images/11.png,rose,train,p1,-1",
            {},
            RunError,
            "number of 0 or more, not '-1",
        ),
        ("images/11.png,rose,train,p1,inf", {}, RunError, "w must be a number"),
        ("images/11.png,rose,train,p1,many", {}, RunError, "w must be a number"),
        (
            "images/11.png,lily,test,p9,1",
            {},
            RunError,
            "no readable training images of",
        ),
        (
            "images/11.heic,rose,train,p1,1",
            {},
            RunError,
            "11.heic is an image of a form",
        ),
        ("images/11.png,rose,train,p1,1", {"resize": "fit"}, UsageError, "resize must"),
        ("images/11.png,rose,train,p1,1", {"size": 0}, UsageError, "size must be"),
    ],
)
def test_refuses(tmp_path, line, options, error, message):
    write(tmp_path)
    (tmp_path / "images/11.heic").write_bytes(b"")
    rows = lines(10, more=lambda index: f",train,p{index // 2},1")
    path = listed(tmp_path, [*rows, line], "image,label,split,patient,w")
    with pytest.raises(error, match=message) as caught:
        table(path, split="split", group="patient", weight="w", **options)
    assert "\n" not in str(caught.value)


def test_skips_corrupt_files(tmp_path):
    write(tmp_path)
    (tmp_path / "images/04.png").write_bytes(b"\x89PNG")
    dataset = table(listed(tmp_path, lines()), size=4, skip_corrupt=True)
    assert len(dataset.train) + len(dataset.validation) == 11
    assert dataset.notes[0].startswith("1 unreadable files left out: ")


def test_reading_writes_nothing(tmp_path):
    write(tmp_path)
    path = listed(tmp_path, lines())
    before = sorted(tmp_path.rglob("*"))
    table(path, size=4).train.in_memory(lambda *_: None)
    assert sorted(tmp_path.rglob("*")) == before
