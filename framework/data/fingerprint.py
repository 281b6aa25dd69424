"""Fingerprints of a split: digests of its images and labels."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from framework.data.dataset import Dataset, class_counts
from framework.data.files import files_of
from framework.data.split import LabelledImages
from framework.system import atomic

# Larger sets of files are identified by names, sizes and labels only, because reading
# them would delay every start of a run.
_CONTENT_LIMIT = 256 * 2**20


def file_names(dataset: Dataset) -> dict[str, list[str]]:
    """Returns the image files of each split, relative to their common folder.

    A test part is included if it was drawn from the training images.

    Args:
        dataset: A data set of image files.
    """
    paths = {"train": dataset.train.paths, "validation": dataset.validation.paths}
    if dataset.test is not None and dataset.is_test_drawn:
        paths["test"] = dataset.test.paths
    root = _common_folder([path for files in paths.values() for path in files])
    return {
        split: [os.path.relpath(path, root) for path in files]
        for split, files in paths.items()
    }


def has_drawn_files(dataset: Dataset) -> bool:
    """Returns whether image files were divided at random into the first two splits.

    Args:
        dataset: A data set. That of a trial may have arrays in place of its files.
    """
    files = files_of(dataset.train), files_of(dataset.validation)
    return dataset.is_split_drawn and None not in files


def describe(split: LabelledImages, num_classes: int) -> dict[str, Any]:
    """Returns the entry of a split in data.json.

    Args:
        split: Its images are read unless their files are larger than 256 MiB.
        num_classes: The number of classes.

    Raises:
        OSError: A file cannot be read.
    """
    digest, covers = _digest(split)
    counts = class_counts(split.labels, num_classes)
    return {
        "images": len(split),
        "per_class": counts.tolist(),
        "digest": digest,
        "covers": covers,
    }


def of_indices(indices: np.ndarray) -> str:
    """Returns a digest of integers."""
    return hashlib.blake2b(indices.astype("<i8").tobytes(), digest_size=16).hexdigest()


def _digest(split: LabelledImages) -> tuple[str, str]:
    """Returns a digest of all of a split, and which part of it that covers."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update(np.ascontiguousarray(split.labels, "<i4").data)
    if split.weights is not None:
        # Digests of splits without weights are as in earlier versions.
        digest.update(np.ascontiguousarray(split.weights, "<f4").data)
    if split.groups is not None:
        # Which examples are together matters, not the numbers of the groups.
        _, first, members = np.unique(
            split.groups, return_index=True, return_inverse=True
        )
        digest.update(np.ascontiguousarray(first[members], "<i8").data)
    if split.paths:
        covers = _add_files(digest, split.paths)
        return digest.hexdigest(), covers
    pixels = split.pixel_bytes()
    digest.update(pixels.data)
    return digest.hexdigest(), "content" if len(pixels) else "labels"


def _add_files(digest: hashlib.blake2b, paths: Sequence[str]) -> str:
    """Adds files to a digest; returns which part of them it covers."""
    root = _common_folder(paths)
    sizes = [os.stat(path).st_size for path in paths]
    for path, size in zip(paths, sizes, strict=True):
        name = os.fsencode(os.path.relpath(path, root))
        digest.update(b"%s\0%d\0" % (name, size))
    if sum(sizes) > _CONTENT_LIMIT:
        return "names and sizes"
    for path in paths:
        digest.update(atomic.read_bytes(Path(path)))
    return "content"


def _common_folder(paths: Sequence[str]) -> str:
    return os.path.commonpath([os.path.dirname(path) for path in paths])
