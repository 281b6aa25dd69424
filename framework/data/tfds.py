"""Data sets of the TensorFlow Datasets catalogue, an optional extra."""

from __future__ import annotations

import types
from typing import Any

import numpy as np

from framework.data.dataset import Dataset, Split
from framework.errors import RunError, UsageError
from framework.system import paths


def tfds(name: str, data_dir: str = "", validation_split: str = "") -> Dataset:
    """Returns an image data set of TensorFlow Datasets, downloaded on first use.

    Args:
        name: Its name in the catalogue, such as "cifar10" or "cifar10:3.0.2".
        data_dir: Where it is, or is to be, stored; TensorFlow Datasets' own place if
            empty.
        validation_split: What to validate on; if empty, "validation" or else "test".

    Raises:
        UsageError: tensorflow-datasets is not installed, there is no such data set or
            split, or its images are not of one size or have no class labels.
        RunError: It cannot be downloaded or read.
    """
    try:
        import tensorflow_datasets
    except ImportError as problem:
        # The library also fails for want of one of its own parts: say which.
        raise UsageError(
            f"tfds({name!r}) needs TensorFlow Datasets ({problem}): "
            "pip install 'whyflat[tfds]'"
        ) from None
    data_dir = paths.expand(data_dir, "data_dir")
    builder = _builder(tensorflow_datasets, name, data_dir)
    held_out = validation_split or _validation_split(builder.info)
    for split in ("train", held_out):
        if split not in builder.info.splits:
            raise UsageError(
                f"tfds({name!r}) has no split {split!r}; "
                f"it has {', '.join(builder.info.splits)}"
            )
    return Dataset(
        f"tfds {name}",
        _read(tensorflow_datasets, builder, "train"),
        _read(tensorflow_datasets, builder, held_out),
        tuple(builder.info.features["label"].names),
    )


def _builder(library: types.ModuleType, name: str, data_dir: str) -> Any:
    """Returns the library's reader of a data set, which is on the disk by then."""
    try:
        builder = library.builder(name, data_dir=data_dir or None)
    except (ValueError, AssertionError) as problem:
        # The library goes on to list its whole catalogue.
        reason = str(problem).partition("\n")[0]
        raise UsageError(f"tfds({name!r}): {reason}") from None
    _check_features(name, builder.info)
    try:
        builder.download_and_prepare()
    except (OSError, AssertionError, library.download.DownloadError) as problem:
        message = f"tfds({name!r}) cannot be downloaded or stored: {problem}"
        raise RunError(message) from None
    return builder


def _check_features(name: str, info: Any) -> None:
    """Checks that there are images, all of one size, with class labels."""
    if info.supervised_keys != ("image", "label"):
        raise UsageError(f"tfds({name!r}) does not consist of images with class labels")
    if not hasattr(info.features["label"], "names"):
        raise UsageError(f"the labels of tfds({name!r}) are not classes")
    shape = info.features["image"].shape
    if None in shape:
        raise UsageError(
            f"the images of tfds({name!r}) are of many sizes, {shape}; save them as "
            "files and read them by folder(), which resizes"
        )


def _validation_split(info: Any) -> str:
    return "validation" if "validation" in info.splits else "test"


def _read(library: types.ModuleType, builder: Any, split: str) -> Split:
    """Returns a split in memory."""
    # One batch of everything, in the order in which it is stored.
    whole = builder.as_dataset(split=split, batch_size=-1, as_supervised=True)
    images, labels = library.as_numpy(whole)
    return Split(images, labels.astype(np.int32))
