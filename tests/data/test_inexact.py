"""Tests of framework/data/inexact.py: pipelines as users write them."""

import numpy as np
import pytest
import tensorflow as tf

from framework.data import inexact
from framework.data.inexact import inexact_stream
from framework.errors import RunError, UsageError

IMAGES = (
    np.arange(40 * 4 * 5 * 3, dtype=np.uint32).reshape(40, 4, 5, 3).astype(np.uint8)
)
LABELS = np.arange(40) % 3


def pairs(*further, images=IMAGES, labels=LABELS):
    return tf.data.Dataset.from_tensor_slices((images, labels, *further))


def elements(dataset):
    return list(dataset.stream.examples.as_numpy_iterator())


@pytest.mark.parametrize(
    "as_user",
    [
        lambda data: data,
        lambda data: data.batch(8),
        lambda data: data.batch(7, drop_remainder=False),
        lambda data: data.map(lambda x, y: (x, tf.cast(y, tf.int64)[None])),
    ],
    ids=["single", "batches", "a shorter last batch", "labels [1]"],
)
def test_reads_single_examples_and_batches(as_user):
    dataset = inexact_stream(as_user(pairs()), as_user(pairs()))
    assert dataset.class_names == ("0", "1", "2")
    for split in (dataset.train, dataset.validation):
        np.testing.assert_array_equal(split.images, IMAGES)
        np.testing.assert_array_equal(split.labels, LABELS)
    for (image, label), expected in zip(elements(dataset), LABELS, strict=True):
        assert (image.dtype, label.dtype, label) == (np.uint8, np.int32, expected)


@pytest.mark.parametrize(
    ("train", "images", "expected"),
    [
        (pairs(), None, 40),
        (pairs().batch(8), None, 40),
        (pairs().batch(7), None, 40),
        (pairs().repeat(), 100, 100),
        (pairs().batch(8), 16, 16),
    ],
    ids=["known", "of batches", "a shorter batch", "endless", "given"],
)
def test_knows_the_length_of_an_epoch(train, images, expected):
    assert inexact_stream(train, pairs(), images).stream.images == expected


def test_of_many_images_in_batches_the_last_batch_counts_as_full(monkeypatch):
    monkeypatch.setattr(inexact, "_SAMPLE", 30)
    dataset = inexact_stream(pairs().batch(7), pairs())
    assert (dataset.stream.images, len(dataset.train)) == (42, 30)


def test_no_image_is_sampled_twice():
    assert len(inexact_stream(pairs().repeat(), pairs(), images=40).train) == 40


def test_other_pixels_become_float_and_weights_are_kept():
    weights = np.linspace(0.5, 1.5, 40)
    train = pairs(weights, images=IMAGES.astype(np.float64))
    dataset = inexact_stream(train, pairs(images=IMAGES.astype(np.float64)))
    assert dataset.train.dtype == np.float32
    np.testing.assert_allclose(dataset.train.weights, weights, rtol=1e-6)
    assert [part.dtype for part in elements(dataset)[0]] == ["f4", "i4", "f4"]


def test_several_labels_an_image():
    several = (np.arange(40)[:, None] >> np.arange(3)) & 1
    dataset = inexact_stream(pairs(labels=several), pairs(labels=several))
    assert dataset.has_several_labels
    assert dataset.num_classes == 3


def test_says_that_it_is_inexact():
    assert "inexact stream" in inexact_stream(pairs(), pairs()).notes[0]


def test_names_classes():
    dataset = inexact_stream(pairs(), pairs(), class_names=["a", "b", "c"])
    assert dataset.class_names == ("a", "b", "c")


def test_a_label_beyond_the_first_images_fails_when_it_is_read():
    rare = np.concatenate([np.arange(6_000) % 2, [7]])
    images = np.zeros((6_001, 1, 1, 1), np.uint8)
    dataset = inexact_stream(
        pairs(images=images, labels=rare), pairs(images=images[:8], labels=rare[:8])
    )
    assert len(dataset.train) == 5_000
    with pytest.raises(tf.errors.InvalidArgumentError, match="not one of 0 to 1"):
        elements(dataset)


def generated():
    def generate():
        yield from zip(IMAGES, LABELS, strict=True)

    like = (tf.TensorSpec([4, 5, 3], tf.uint8), tf.TensorSpec([], tf.int32))
    return tf.data.Dataset.from_generator(generate, output_signature=like)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((IMAGES, pairs()), "train must be a tf.data.Dataset, not a ndarray"),
        ((pairs(), pairs(), 0), "images must be at least 1, not 0"),
        ((pairs(), pairs().repeat()), "validation is endless"),
        ((pairs(labels=LABELS + 0.5), pairs()), "integers, not float64; .*argmax"),
        ((pairs().repeat(), pairs()), "images=50_000"),
        ((generated(), pairs()), "images=50_000"),
        ((pairs().map(lambda x, y: x), pairs()), r"elements \(image, label\)"),
        ((pairs().map(lambda x, y: (x[0], y)), pairs()), r"not \(5, 3\)"),
        ((pairs().batch(4).batch(2), pairs()), r"not \(None, None, 4, 5, 3\)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_refuses_what_is_no_pipeline_of_examples(arguments, message):
    with pytest.raises(UsageError, match=message):
        inexact_stream(*arguments)


def test_refuses_images_of_unknown_size():
    encoded = tf.data.Dataset.from_tensor_slices(
        ([tf.io.encode_png(image).numpy() for image in IMAGES], LABELS)
    )
    decoded = encoded.map(lambda x, y: (tf.io.decode_png(x, 3), y))
    with pytest.raises(UsageError, match=r"is not known.*tf\.image\.resize"):
        inexact_stream(decoded, pairs())


@pytest.mark.parametrize(
    ("train", "validation", "message"),
    [
        (pairs(labels=np.sort(LABELS)).take(9), pairs(), "all of class 0; shuffle"),
        (pairs().take(0), pairs(), "the training stream has no images"),
        (pairs(), pairs().take(0), "validation has no images"),
        (pairs(labels=np.eye(3, dtype=int)[LABELS]), pairs(), "argmax"),
        (pairs(), pairs(images=IMAGES[:, :3]), "make them one size"),
    ],
    ids=["sorted", "empty", "no validation", "one-hot", "sizes"],
)
def test_refuses_images_that_cannot_be_trained_on(train, validation, message):
    with pytest.raises(RunError, match=message):
        inexact_stream(train, validation)


def test_an_error_of_the_pipeline_names_its_part():
    def failing(image, label):
        tf.debugging.assert_less(label, tf.constant(2, label.dtype), "too large")
        return image, label

    with pytest.raises(RunError, match=r"(?s)^train cannot be read: .*too large"):
        inexact_stream(pairs().map(failing), pairs())
