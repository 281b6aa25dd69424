"""Fingerprints of a split: what tells its images and labels from others."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from framework.data.dataset import Dataset, Split
from framework.data.folder import Files
from framework.system import atomic

# Files that together are larger are told apart by name, size and label only: reading
# them takes longer than a user would wait at each start.
_CONTENT_LIMIT = 256 * 2**20


def file_names(dataset: Dataset) -> dict[str, list[str]]:
    """Returns the files of both splits, relative to the folder that has them all.

    Args:
        dataset: Of `Files`.
    """
    splits = {"train": dataset.train, "validation": dataset.validation}
    paths = {name: split.images.paths for name, split in splits.items()}
    root = _root([*paths["train"], *paths["validation"]])
    return {
        name: [os.path.relpath(path, root) for path in each]
        for name, each in paths.items()
    }


def describe(split: Split, num_classes: int) -> dict[str, Any]:
    """Returns what data.json has of a split.

    Args:
        split: Its images are read unless they are many files.
        num_classes: How many classes there are.

    Raises:
        OSError: A file cannot be read.
    """
    digest, covers = _digest(split)
    counts = np.bincount(split.labels, minlength=num_classes)
    return {
        "images": len(split),
        "per_class": counts.tolist(),
        "digest": digest,
        "covers": covers,
    }


def of_indices(indices: np.ndarray) -> str:
    """Returns a digest of integers."""
    return hashlib.blake2b(indices.astype("<i8").tobytes(), digest_size=16).hexdigest()


def _digest(split: Split) -> tuple[str, str]:
    """Returns a digest of images and labels, and what it covers."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update(np.ascontiguousarray(split.labels, "<i4"))
    images, covers = split.images, "content"
    if isinstance(images, np.ndarray):
        # A copy only where the array is a view with gaps.
        digest.update(np.ascontiguousarray(images).reshape(-1).view(np.uint8))
    elif isinstance(images, Files):
        covers = _add_files(digest, images.paths)
    else:
        covers = "labels"
    return digest.hexdigest(), covers


def _add_files(digest: Any, paths: Sequence[str]) -> str:
    """Adds files to a digest; returns what of them."""
    root = _root(paths)
    sizes = [os.stat(path).st_size for path in paths]
    for path, size in zip(paths, sizes, strict=True):
        name = os.fsencode(os.path.relpath(path, root))
        digest.update(b"%s\0%d\0" % (name, size))
    if sum(sizes) > _CONTENT_LIMIT:
        return "names and sizes"
    for path in paths:
        digest.update(atomic.read_bytes(Path(path)))
    return "content"


def _root(paths: Sequence[str]) -> str:
    return os.path.commonpath([os.path.dirname(path) for path in paths])
