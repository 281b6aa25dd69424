"""Tests of framework/data/description.py."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from framework.data import description
from framework.data.dataset import Dataset
from framework.data.split import Split
from framework.data.stream import Stream

DRAWN = {"dataset": "arrays", "train_dev": 0.2, "seed": 0}


def arrays():
    images = np.arange(48, dtype=np.uint8).reshape(12, 2, 2, 1)
    split = Split(images, np.arange(12, dtype=np.int32) % 3)
    return Dataset("arrays", split, split.take(np.arange(6)), ("a", "b", "c"))


def described(dataset, **further):
    return description.describe(dataset, np.zeros(0), {}, DRAWN, **further)


def test_the_classes_of_the_first_epoch_are_recorded():
    sampled = np.array([0, 0, 2])
    fields = description.describe(
        arrays(), np.zeros(0), {}, DRAWN, sampled=sampled
    ).fields
    assert fields["sampled"] == [2, 0, 1]
    assert "sampled" not in described(arrays()).fields


def test_without_a_test_part_the_record_is_as_before():
    fields = described(arrays()).fields
    assert fields["splits"].keys() == {"train", "validation"}
    assert fields["drawn"].keys() == {"dataset", "train_dev", "seed"}


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (np.array([3, 250], np.uint8), (3.0, 250.0)),
        (np.array([-0.5, 2], np.float32), (-0.5, 2.0)),
    ],
)
def test_the_range_of_pixels_is_that_of_the_images(images, expected):
    split = Split(images.reshape(2, 1, 1, 1), np.zeros(2, np.int32))
    assert description.pixel_range(split) == expected


def test_how_images_were_resized_is_recorded_if_known():
    padded = dataclasses.replace(arrays(), resize="pad")
    assert described(padded).decoding == {"resize": "pad"}
    assert not described(arrays()).decoding


def test_what_differs_from_pass_to_pass_of_a_stream_is_not_recorded():
    whole = arrays()
    stream = Stream(tf.data.Dataset.range(4), 4_000)
    order = np.random.default_rng(0).permutation(6)
    parts = whole.train.take(order), whole.validation.take(order)
    one = dataclasses.replace(whole, stream=stream)
    other = dataclasses.replace(
        whole, stream=stream, train=parts[0], validation=parts[1]
    )
    records = [
        description.describe(each, np.zeros(0), {"mean": np.array(value)}, DRAWN)
        for each, value in ((one, 1.0), (other, 2.0))
    ]
    assert records[0].is_inexact
    assert records[0].fields["splits"]["train"]["images"] == 4_000
    assert not records[0].difference(records[1])
    assert described(whole).difference(records[0])
    fewer = dataclasses.replace(other, validation=whole.validation.take(order[:5]))
    assert records[0].difference(described(fewer))
