"""A data set of tf.data pipelines, which gives up exactness, as its name says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from framework.data.arrays import checked_labels, checked_weights, class_names_of
from framework.data.batches import MEMORY_LIMIT
from framework.data.dataset import Dataset
from framework.data.split import Split
from framework.data.stream import NOTE, Stream, reason
from framework.errors import RunError, UsageError

# Training images that are kept in memory: for `train_clean`, the statistics of
# normalization and the pictures of augmentation.
_SAMPLE = 5_000
_SAMPLE_BYTES = 2**28
_READ_TOGETHER = 256


def inexact_stream(
    train: tf.data.Dataset,
    validation: tf.data.Dataset,
    images: int | None = None,
    class_names: Sequence[str] | None = None,
) -> Dataset:
    """Returns a data set whose training images come from a tf.data pipeline.

    It is inexact: a resumed run reads the pipeline from the start again, and whatever
    prints numbers of such a run says so.

    >>> images = np.zeros((40, 8, 8, 3), np.uint8)
    >>> pairs = tf.data.Dataset.from_tensor_slices((images, np.arange(40) % 2))
    >>> dataset = inexact_stream(pairs.shuffle(40).batch(8), pairs.batch(8))
    >>> dataset.image_shape, dataset.stream.images, len(dataset.validation)
    ((8, 8, 3), 40, 40)

    Args:
        train: (image, label) or (image, label, weight), in batches or not, shuffled by
            itself, finite or endless. Images are [height, width, C] of one size: uint8
            from 0 to 255 are kept; other numbers become float32, not rescaled. Labels
            are class numbers from 0; or [K] of 0 and 1, several an image. The first
            5,000 examples (at most 256 MiB) are read at once.
        validation: Likewise, but finite; it is read once, and kept in memory.
        images: The number of training images in an epoch. By default that of a pass, if
            the pipeline knows it; of more than 5,000 images in batches, the last batch
            counts as full.
        class_names: The names of the classes; by default the numbers of the labels of
            the images that are read at once.

    Raises:
        UsageError: An argument is not of that kind, or `images` must be given.
        RunError: The images cannot be trained on, such as where the first ones are all
            of one class.
    """
    for name, given in {"train": train, "validation": validation}.items():
        if not isinstance(given, tf.data.Dataset):
            raise UsageError(
                f"{name} must be a tf.data.Dataset, not a {type(given).__name__}"
            )
    if images is not None and images < 1:
        raise UsageError(f"images must be at least 1, not {images}")
    if validation.cardinality() == tf.data.INFINITE_CARDINALITY:
        raise UsageError("validation is endless; limit it with validation.take(count)")
    examples = _examples(train, "train")
    count = images or _images_of_a_pass(train)
    limit = _sample_size(examples)
    # No image twice, if the pipeline repeats itself.
    sample = _read(examples, "train", min(limit, count))
    if images is None and len(sample) < limit:
        count = len(sample)
    classes = np.unique(sample.labels)
    if sample.labels.ndim == 1 and len(classes) < 2:
        raise RunError(
            f"the first {len(sample):,} training images are all of class "
            f"{classes[0]}; shuffle the files or records before they are read, or "
            f"raise the buffer of shuffle"
        )
    held_out = _read(_examples(validation, "validation"), "validation")
    names = _class_names(class_names, sample, held_out)
    highest = 1 if sample.labels.ndim == 2 else len(names) - 1
    stream = Stream(_with_checked_labels(examples, highest), count)
    return Dataset("inexact stream", sample, held_out, names, (NOTE,), stream=stream)


def _examples(given: tf.data.Dataset, part: str) -> tf.data.Dataset:
    """Returns a pipeline of single examples, of the types of `Stream`.

    Raises:
        UsageError: Its elements are no examples.
    """
    spec = given.element_spec
    wanted = f"{part} must have elements (image, label) or (image, label, weight)"
    if not isinstance(spec, tuple) or len(spec) not in (2, 3):
        raise UsageError(f"{wanted}, not {spec}")
    rank = spec[0].shape.rank
    if rank not in (3, 4):
        raise UsageError(
            f"{wanted} with images [height, width, C], or [B, height, width, C] in "
            f"batches, not {spec[0].shape}"
        )
    if not (spec[1].dtype.is_integer or spec[1].dtype.is_bool):
        raise UsageError(
            f"the labels of {part} must be integers, not {spec[1].dtype.name}; convert "
            f"one-hot labels with tf.argmax(label, -1), and others with tf.cast, in map"
        )
    single = given.unbatch() if rank == 4 else given
    shape = single.element_spec[0].shape
    if not shape.is_fully_defined():
        raise UsageError(
            f"the size of the images of {part} is not known: {shape}; resize them with "
            f"tf.image.resize in map, or declare it with tf.ensure_shape"
        )
    return single.map(_typed, tf.data.AUTOTUNE, deterministic=True)


def _typed(image: tf.Tensor, label: tf.Tensor, *weight: tf.Tensor) -> Any:
    """Returns an example in the types of `Stream`."""
    pixels = image if image.dtype == tf.uint8 else tf.cast(image, tf.float32)
    number = tf.squeeze(label) if label.shape == [1] else label
    return pixels, tf.cast(number, tf.int32), *(tf.cast(x, tf.float32) for x in weight)


def _with_checked_labels(examples: tf.data.Dataset, highest: int) -> tf.data.Dataset:
    """Returns the same examples; reading one of another label fails."""

    def checked(image: tf.Tensor, label: tf.Tensor, *weight: tf.Tensor) -> Any:
        is_known = tf.reduce_all((label >= 0) & (label <= highest))
        message = f"a label of the training stream is not one of 0 to {highest}"
        with tf.control_dependencies([tf.debugging.Assert(is_known, [message, label])]):
            return image, tf.identity(label), *weight

    return examples.map(checked)


def _images_of_a_pass(train: tf.data.Dataset) -> int:
    """Returns the number of images, from that of the elements.

    Raises:
        UsageError: The pipeline does not know it.
        RunError: It has none.
    """
    elements = int(train.cardinality())
    if elements < 0:
        raise UsageError(
            "how many images the training stream has is not known, because it is "
            "endless, generated or filtered; give the number of an epoch, such as "
            "images=50_000"
        )
    for image, *_ in train.take(1):
        return elements * (len(image) if image.shape.rank == 4 else 1)
    raise RunError("the training stream has no images")


def _sample_size(examples: tf.data.Dataset) -> int:
    image = examples.element_spec[0]
    size = image.shape.num_elements() * image.dtype.size
    return max(1, min(_SAMPLE, _SAMPLE_BYTES // max(size, 1)))


def _read(examples: tf.data.Dataset, part: str, limit: int | None = None) -> Split:
    """Returns the first examples in memory.

    Raises:
        RunError: There are none or too many, or their labels are unusable.
    """
    parts: list[list[np.ndarray]] = []
    size = 0
    taken = examples if limit is None else examples.take(limit)
    try:
        for batch in taken.batch(_READ_TOGETHER).as_numpy_iterator():
            parts.append(list(batch))
            size += batch[0].nbytes
            if size > MEMORY_LIMIT:
                raise RunError(
                    f"{part} has more than 2 GiB of images, which must fit into "
                    f"memory; limit it with {part}.take(count)"
                )
    except tf.errors.OpError as problem:
        raise RunError(f"{part} cannot be read: {reason(problem)}") from None
    if not parts:
        raise RunError(f"{part} has no images")
    images, labels, *weights = (np.concatenate(x) for x in zip(*parts, strict=True))
    return Split(
        images,
        checked_labels(labels, f"labels of {part}", part == "train"),
        checked_weights(weights[0] if weights else None, f"weights of {part}"),
    )


def _class_names(
    given: Sequence[str] | None, sample: Split, validation: Split
) -> tuple[str, ...]:
    """Returns the names of the classes; by default the numbers of all labels read."""
    names = None if given is None else np.array([str(name) for name in given])
    labels = [sample.labels, validation.labels]
    if labels[0].ndim != labels[1].ndim:
        # `Dataset` says what is wrong.
        labels.pop()
    return class_names_of(names, np.concatenate(labels), "the stream")
