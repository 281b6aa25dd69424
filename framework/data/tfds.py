"""Data sets of the TensorFlow Datasets catalogue (optional extra `tfds`)."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from framework.data import fit, memory
from framework.data.dataset import Dataset
from framework.data.files import checked_size
from framework.data.split import Split
from framework.errors import RunError, UsageError
from framework.system import paths


def tfds(
    name: str,
    data_dir: str = "",
    validation_split: str = "",
    size: int | tuple[int, int] = 0,
    resize: str = fit.SQUASH,
) -> Dataset:
    """Loads an image data set of TensorFlow Datasets, downloading it on first use.

    Its split "test", if it is labelled and not used for validation, is the untouched
    test part.

    Args:
        name: Name in the catalogue, such as "cifar10" or "cifar10:3.0.2".
        data_dir: Folder to store data sets in; empty for the default of TensorFlow
            Datasets.
        validation_split: The split to use for validation; empty for "validation", or
            else "test".
        size: The height and width in pixels to resize to, or both as (height, width); 0
            for images as they are, which must be of one size.
        resize: How images of another aspect ratio are fitted: "squash", "crop" or
            "pad", as by `folder`.

    Raises:
        UsageError: tensorflow-datasets is not installed, there is no such data set or
            split, its images are not of one size or have no class labels, or an
            argument is out of range.
        RunError: The data set cannot be downloaded or read.
    """
    pixels = checked_size(size) if size else None
    if resize not in fit.MODES:
        raise UsageError(
            f"resize must be one of {', '.join(fit.MODES)}, not {resize!r}"
        )
    try:
        import tensorflow_datasets
    except ImportError as problem:
        # One of the library's own dependencies may be missing: the message names it.
        raise UsageError(
            f"tfds({name!r}) needs TensorFlow Datasets ({problem}): "
            "pip install 'whyflat[tfds]'"
        ) from None
    data_dir = paths.expand(data_dir, "data_dir")
    builder = _builder(tensorflow_datasets, name, data_dir, pixels is not None)
    held_out = validation_split or _validation_split(builder.info)
    for split in ("train", held_out):
        if split not in builder.info.splits:
            raise UsageError(
                f"tfds({name!r}) has no split {split!r}; "
                f"it has {', '.join(builder.info.splits)}"
            )
    read = functools.partial(_read, tensorflow_datasets, builder, pixels, resize)
    return Dataset(
        f"tfds {name}",
        read("train"),
        read(held_out),
        tuple(builder.info.features["label"].names),
        test=_test_part(read, builder.info, held_out),
        resize=resize if pixels else "",
    )


def _builder(
    library: types.ModuleType, name: str, data_dir: str, is_resized: bool
) -> Any:
    """Returns the library's builder of a data set, after downloading the data."""
    try:
        builder = library.builder(name, data_dir=data_dir or None)
    except (ValueError, AssertionError) as problem:
        # The following lines list the whole catalogue.
        reason = str(problem).partition("\n")[0]
        raise UsageError(f"tfds({name!r}): {reason}") from None
    _check_features(name, builder.info, is_resized)
    try:
        builder.download_and_prepare()
    except (OSError, AssertionError, library.download.DownloadError) as problem:
        message = f"tfds({name!r}) cannot be downloaded or stored: {problem}"
        raise RunError(message) from None
    return builder


def _check_features(name: str, info: Any, is_resized: bool) -> None:
    """Checks that a data set has images with class labels, of one size if need be."""
    if info.supervised_keys != ("image", "label"):
        raise UsageError(f"tfds({name!r}) does not consist of images with class labels")
    if not hasattr(info.features["label"], "names"):
        raise UsageError(f"the labels of tfds({name!r}) are not classes")
    shape = info.features["image"].shape
    if None in shape[2:] or (None in shape and not is_resized):
        raise UsageError(
            f"the images of tfds({name!r}) are of many sizes, {shape}; resize them, as "
            f"in tfds({name!r}, size=64)"
        )


def _validation_split(info: Any) -> str:
    return "validation" if "validation" in info.splits else "test"


def _test_part(read: Callable[[str], Split], info: Any, held_out: str) -> Split | None:
    """Reads the split "test"; None if there is none, or it is used for validation."""
    if "test" not in info.splits or held_out.startswith("test"):
        return None
    test = read("test")
    # The labels of some contests are secret, which is written as -1.
    return None if np.any(test.labels < 0) else test


def _read(
    library: types.ModuleType,
    builder: Any,
    size: tuple[int, int] | None,
    resize: str,
    split: str,
) -> Split:
    """Reads a split into memory, in the order in which it is stored."""
    examples = builder.as_dataset(split=split, as_supervised=True)
    if size is not None:
        examples = examples.map(
            lambda image, label: (_fitted(image, size, resize), label)
        )
    whole = examples.batch(builder.info.splits[split].num_examples)
    images, labels = next(iter(library.as_numpy(whole)))
    return Split(memory.usable(images), labels.astype(np.int32))


def _fitted(image: tf.Tensor, size: tuple[int, int], resize: str) -> tf.Tensor:
    """Returns an image at a size, of the same type; whole numbers are rounded."""
    fitted = fit.fit(image, size, resize)
    if image.dtype.is_integer:
        fitted = tf.round(tf.cast(fitted, tf.float32))
    return tf.ensure_shape(tf.cast(fitted, image.dtype), (*size, image.shape[-1]))
