"""Describes the data of a run for data.json: counts, digests, statistics, files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from framework.data import fingerprint, record
from framework.data.dataset import Dataset
from framework.data.files import files_of
from framework.data.record import DataRecord
from framework.data.split import LabelledImages, Split

# Longer statistics, such as a whitening matrix, follow from the data's digest.
_MAX_STATISTICS = 16


def describe(
    dataset: Dataset,
    held_out: np.ndarray,
    statistics: Mapping[str, np.ndarray],
    drawn: Mapping[str, Any],
    excluded: np.ndarray | None = None,
    sampled: np.ndarray | None = None,
) -> DataRecord:
    """Describes a run's data; reads all of them, or only the sizes of large files.

    Args:
        dataset: All splits.
        held_out: int64 indices of the training images that are not trained on.
        statistics: Normalisation statistics of the training images, by name.
        drawn: The flags that the division depends on: dataset, train_dev, seed, test,
            fold.
        excluded: int64 indices of the training images that --exclude leaves out.
        sampled: int [n], the classes of the images in the first epoch, unless each
            image comes once.

    Raises:
        OSError: A file cannot be read.
    """
    files: dict[str, list[str]] = {}
    if fingerprint.has_drawn_files(dataset):
        names = fingerprint.file_names(dataset)
        files = {
            "validation": names["validation"],
            "train_dev": [names["train"][index] for index in held_out],
        }
    if dataset.is_test_drawn and files_of(dataset.train) is not None:
        files["test"] = fingerprint.file_names(dataset)["test"]
    splits = {"train": dataset.train, "validation": dataset.validation}
    if dataset.test is not None:
        splits["test"] = dataset.test
    described = {
        name: fingerprint.describe(split, dataset.num_classes)
        for name, split in splits.items()
    }
    further: dict[str, Any] = {}
    if excluded is not None and len(excluded):
        further["excluded"] = _counted(excluded)
    if dataset.has_several_labels:
        further["several_labels"] = True
    if images := files_of(dataset.train):
        further["decoding"] = images.decoding
    elif dataset.resize:
        further["decoding"] = {"resize": dataset.resize}
    if sampled is not None:
        counts = np.bincount(sampled, minlength=dataset.num_classes)
        further["sampled"] = counts.tolist()
    if dataset.stream:
        further["inexact"] = True
        described, statistics = _of_stream(described, dataset.stream.images), {}
    return DataRecord(
        {
            "format": record.FORMAT,
            "name": dataset.name,
            "image_shape": list(dataset.image_shape),
            "dtype": str(dataset.train.dtype),
            "class_names": list(dataset.class_names),
            "splits": described,
            "held_out": _counted(held_out),
            "normalize": {
                name: np.asarray(value, np.float64).ravel().tolist()
                for name, value in statistics.items()
                if np.size(value) <= _MAX_STATISTICS
            },
            "drawn": dict(drawn),
            "files": files,
            "pixel_range": list(pixel_range(dataset.train)),
            **further,
        }
    )


def pixel_range(split: LabelledImages) -> tuple[float, float]:
    """Returns the least and the greatest value of the images of a split.

    Files are not read: those of bytes are taken to use all values.
    """
    if isinstance(split, Split) and split.images.size:
        return float(split.images.min()), float(split.images.max())
    return (0.0, 255.0) if split.dtype == np.uint8 else record.UNKNOWN_RANGE


def _of_stream(splits: Mapping[str, Any], images: int) -> dict[str, Any]:
    """Returns the entries of splits, without what differs from pass to pass."""
    train = {"images": images, "per_class": [], "digest": "", "covers": "nothing"}
    # Its images may come in another order.
    validation = {**splits["validation"], "digest": "", "covers": "labels"}
    return {"train": train, "validation": validation}


def _counted(indices: np.ndarray) -> dict[str, Any]:
    return {"images": len(indices), "digest": fingerprint.of_indices(indices)}
