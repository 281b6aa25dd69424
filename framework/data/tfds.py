"""Data sets of the TensorFlow Datasets catalogue (optional extra `tfds`)."""

from __future__ import annotations

import types
from typing import Any

import numpy as np

from framework.data.dataset import Dataset
from framework.data.split import Split
from framework.errors import RunError, UsageError
from framework.system import paths


def tfds(name: str, data_dir: str = "", validation_split: str = "") -> Dataset:
    """Loads an image data set of TensorFlow Datasets, downloading it on first use.

    Its split "test", if it is labelled and not used for validation, is the untouched
    test part.

    Args:
        name: Name in the catalogue, such as "cifar10" or "cifar10:3.0.2".
        data_dir: Folder to store data sets in; empty for the default of TensorFlow
            Datasets.
        validation_split: The split to use for validation; empty for "validation", or
            else "test".

    Raises:
        UsageError: tensorflow-datasets is not installed, there is no such data set or
            split, or its images are not of one size or have no class labels.
        RunError: The data set cannot be downloaded or read.
    """
    try:
        import tensorflow_datasets
    except ImportError as problem:
        # One of the library's own dependencies may be missing: the message names it.
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
        test=_test_part(tensorflow_datasets, builder, held_out),
    )


def _builder(library: types.ModuleType, name: str, data_dir: str) -> Any:
    """Returns the library's builder of a data set, after downloading the data."""
    try:
        builder = library.builder(name, data_dir=data_dir or None)
    except (ValueError, AssertionError) as problem:
        # The following lines list the whole catalogue.
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
    """Checks that a data set has images of one size with class labels."""
    if info.supervised_keys != ("image", "label"):
        raise UsageError(f"tfds({name!r}) does not consist of images with class labels")
    if not hasattr(info.features["label"], "names"):
        raise UsageError(f"the labels of tfds({name!r}) are not classes")
    shape = info.features["image"].shape
    if None in shape:
        raise UsageError(
            f"the images of tfds({name!r}) are of many sizes, {shape}; save them as "
            "files and read them with folder(), which resizes them"
        )


def _validation_split(info: Any) -> str:
    return "validation" if "validation" in info.splits else "test"


def _test_part(library: types.ModuleType, builder: Any, held_out: str) -> Split | None:
    """Reads the split "test"; None if there is none, or it is used for validation."""
    if "test" not in builder.info.splits or held_out.startswith("test"):
        return None
    test = _read(library, builder, "test")
    # The labels of some contests are secret, which is written as -1.
    return None if np.any(test.labels < 0) else test


def _read(library: types.ModuleType, builder: Any, split: str) -> Split:
    """Reads a split into memory."""
    # One batch of all examples, in the order in which they are stored.
    whole = builder.as_dataset(split=split, batch_size=-1, as_supervised=True)
    images, labels = library.as_numpy(whole)
    return Split(images, labels.astype(np.int32))
