"""Tests of framework/data/hold_out.py: the test part is seen by nothing else."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from framework import data
from framework.data.dataset import Dataset
from framework.data.examples import divide, prepare
from framework.data.hold_out import hold_out_test
from framework.data.split import Split
from framework.errors import UsageError


def numbered(labels, first=0):
    """Returns a split whose images tell which they are."""
    images = np.arange(first, first + len(labels), dtype=np.float32)
    return Split(images.reshape(-1, 1, 1, 1), np.asarray(labels, np.int32))


def dataset(labels, validation=3):
    names = tuple(map(str, range(max(labels) + 2)))
    held_out = numbered(np.arange(validation) % len(names), first=10_000)
    return Dataset("numbers", numbered(labels), held_out, names)


def numbers(split, rows=slice(None)):
    return split.images[rows, 0, 0, 0].astype(int).tolist()


LABELS = st.lists(st.integers(0, 5), min_size=4, max_size=90).map(sorted)
PORTIONS = st.one_of(
    st.floats(0.1, 99.9).map(lambda percent: f"{percent:.3f}%"),
    st.integers(1, 60).map(str),
)


@given(LABELS, PORTIONS, st.floats(0, 0.9), st.integers(0, 2**32 - 1))
def test_no_image_is_in_two_parts(labels, portion, dev, seed):
    whole = dataset(labels)
    try:
        divided = hold_out_test(whole, portion)
    except UsageError:
        return
    division = divide(divided, dev, seed)
    strategy = tf.distribute.get_strategy()
    examples = prepare(divided, division, seed, "memory", strategy, lambda *_: None)
    train = examples.train_batches.split
    parts = {
        "train": numbers(train, examples.train),
        "train_dev": numbers(train, examples.train_dev),
        "validation": numbers(examples.validation_batches.split),
        "test": numbers(divided.test),
    }
    everything = sorted(number for part in parts.values() for number in part)
    assert everything == sorted(numbers(whole.train) + numbers(whole.validation))
    assert set(numbers(train, examples.train_clean)) <= set(parts["train"])
    # Each image keeps its label, and each class a training image.
    for split in (divided.train, divided.test):
        assert split.labels.tolist() == [labels[number] for number in numbers(split)]
    assert set(divided.train.labels) == set(labels)


@given(LABELS, PORTIONS)
def test_the_division_is_the_same_again(labels, portion):
    try:
        once, again = (hold_out_test(dataset(labels), portion) for _ in range(2))
    except UsageError:
        return
    assert numbers(once.test) == numbers(again.test)


@given(LABELS, st.data())
def test_a_number_of_images_is_met_in_the_proportions_of_the_classes(labels, draw):
    most = len(labels) - len(set(labels))
    if not most:
        return
    count = draw.draw(st.integers(1, most))
    test = hold_out_test(dataset(labels), str(count)).test
    assert len(test) == count
    for label in set(labels):
        size = labels.count(label)
        quota = count * size / len(labels)
        taken = int(np.sum(test.labels == label))
        assert taken >= min(np.floor(quota), size - 1)
        # More only where other classes had no more to give.
        if count <= most - len(set(labels)):
            assert taken <= np.ceil(quota) + len(set(labels))


def test_a_percentage_is_one_of_each_class():
    test = hold_out_test(dataset([0] * 100 + [1] * 20), "10%").test
    assert np.bincount(test.labels).tolist() == [10, 2]


def test_ties_of_many_classes_are_not_decided_by_their_order():
    labels = np.repeat(np.arange(50), 10)
    chosen = hold_out_test(dataset(labels.tolist()), "25").test.labels
    assert len(set(chosen)) == 25
    assert chosen.max() > 25


def test_nothing_is_taken_without_a_portion():
    whole = dataset([0, 1] * 10)
    assert hold_out_test(whole, "") is whole


def test_what_was_divided_is_not_divided_again():
    divided = hold_out_test(dataset([0, 1] * 10), "10%")
    assert hold_out_test(divided, "10%") is divided
    assert hold_out_test(divided, "") is divided


def test_images_may_be_named():
    divided = hold_out_test(dataset([0, 1] * 10), "10%", np.array([3, 7]))
    assert numbers(divided.test) == [3, 7]
    assert not {3, 7} & set(numbers(divided.train))


def test_a_class_without_test_images_is_noticed():
    divided = hold_out_test(dataset([0] * 20 + [1] * 20 + [2]), "20%")
    # The fourth class has no images at all.
    assert divided.notes == ("there are no test images of '2', '3'",)


@pytest.mark.parametrize(
    ("labels", "portion", "message"),
    [
        ([0, 1] * 10, "19", "at most 18 of the 20 training images of numbers, not 19"),
        ([0, 1] * 10, "1%", "leaves no test image of any class; raise it"),
        ([0, 1, 2], "90%", "leaves no test image of any class"),
    ],
)
def test_too_few_images_are_refused(labels, portion, message):
    with pytest.raises(UsageError, match=message):
        hold_out_test(dataset(labels), portion)


def test_a_second_test_part_is_refused():
    own = dataclasses.replace(dataset([0, 1] * 10), test=numbered([0, 1, 0]))
    assert hold_out_test(own, "") is own
    with pytest.raises(UsageError, match="has a test part of its own, of 3 images; le"):
        hold_out_test(own, "10%")


@pytest.fixture
def sources(tmp_path, monkeypatch):
    """A folder of classes, one of splits, and an .npz file."""
    generator = np.random.default_rng(0)
    for part in ("photos", "parts/train", "parts/validation"):
        for name in ("rose", "tulip"):
            folder = tmp_path / part / name
            folder.mkdir(parents=True)
            for index in range(10):
                pixels = generator.integers(0, 255, (4, 4, 3), np.uint8)
                Image.fromarray(pixels).save(folder / f"{index}.png")
    np.savez(
        tmp_path / "data.npz",
        x_train=np.zeros((40, 4, 4), np.uint8),
        y_train=np.arange(40) % 2,
        x_validation=np.zeros((10, 4, 4), np.uint8),
        y_validation=np.arange(10) % 2,
    )
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("sources")
@pytest.mark.parametrize(
    "spec",
    [
        "digits",
        "noise(train=60, validation=10, size=4)",
        "drawn_flowers(train=60, validation=20, size=16)",
        "arrays('data.npz')",
        "folder('photos', size=4)",
        "folder('parts', size=4)",
        pytest.param("fashion_mnist", marks=pytest.mark.real_data),
    ],
)
def test_every_source_can_give_a_test_part(spec):
    whole = data.build(spec)
    divided = hold_out_test(whole, "20%")
    assert len(divided.test) == pytest.approx(0.2 * len(whole.train), abs=5)
    assert len(divided.train) + len(divided.test) == len(whole.train)
    assert divided.validation is whole.validation
    assert divided.test.dtype == divided.train.dtype
    paths = set(divided.test.paths)
    assert not paths & {*divided.train.paths, *divided.validation.paths}
    assert len(paths) in (0, len(divided.test))
