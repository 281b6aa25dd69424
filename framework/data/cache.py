"""Decoded image files, kept in one memory-mapped file for later runs.

The file has the images one after the other, then an index as JSON: for each image its
path, size and time of modification. An entry counts only while these are unchanged. The
name of the file is a digest of the decode settings, of the versions of the decoders,
and of the folder that all images are in.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import json
import mmap
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import tensorflow as tf
from absl import logging

from framework.data import memory
from framework.data.files import Files
from framework.data.images import Progress
from framework.data.split import LabelledImages, LazySplit
from framework.system import atomic, json_text, paths
from framework.system.printable import printable

AUTO, OFF = "auto", "off"
_MAGIC = b"whyflat1"
# The last bytes of a file: the length of the index, its digest, and `_MAGIC`.
_DIGEST = 16
_FOOTER = 8 + _DIGEST + len(_MAGIC)
# A file may take this part of the free space at most: a cache must not fill a disk.
_PART_OF_FREE = 0.5
# Seconds without a write after which an unfinished file is abandoned.
_ABANDONED = 3600.0
# Images that are copied at a time.
_CHUNK = 256

# Size in bytes and time of modification in nanoseconds.
_State: TypeAlias = "tuple[int, int]"


@dataclasses.dataclass(frozen=True, eq=False)
class CachedFiles:
    """Image files whose decoded images are in a cache; implements `Images`.

    Attributes:
        files: The files.
        cache: The cache.
        rows: int64 [N], the place of each image in the cache.
    """

    files: Files
    cache: _Cache
    rows: np.ndarray

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, height, width, channels)."""
        return self.files.shape

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """uint8."""
        return self.files.dtype

    @property
    def paths(self) -> tuple[str, ...]:
        """The files."""
        return self.files.paths

    def element(self, index: tf.Tensor) -> tf.Tensor:
        """Returns the image at a scalar int index, uint8 [height, width, channels]."""
        row = tf.gather(self._row_tensor, index)
        return tf.gather(self.cache.tensor, row)

    @functools.cached_property
    def _row_tensor(self) -> tf.Tensor:
        with tf.init_scope(), tf.device("CPU"):
            return tf.constant(self.rows)

    def load(self, progress: Progress) -> np.ndarray:
        """Returns all images, uint8 of `shape`."""
        progress(len(self.rows), len(self.rows))
        return memory.take(self.cache.images, self.rows)

    def take(self, indices: np.ndarray) -> CachedFiles:
        """Returns the images at the indices, in their order."""
        files = self.files.take(indices)
        return CachedFiles(files, self.cache, self.rows[indices])

    def check(self) -> None:
        """See `Images`; decoded images can be read."""


@dataclasses.dataclass(frozen=True, eq=False)
class _Cache:
    """An open cache; it stays as it is if another process replaces its file.

    Attributes:
        images: uint8 [M, height, width, channels], mapped from the file.
        tensor: The same, for tf.data; it takes no memory of its own either.
        rows: The place of each image by path, and the state of its file then.
    """

    images: np.ndarray
    tensor: tf.Tensor
    rows: Mapping[str, tuple[int, _State]]


def cached(
    splits: Sequence[LabelledImages], place: str, progress: Progress
) -> list[LabelledImages]:
    """Returns splits whose files are decoded at most once for all runs.

    Files that are not in the cache, or have changed, are decoded and added. If the
    cache cannot be written, a warning is logged and the splits are returned as they
    are: then files are decoded as they are needed.

    Args:
        splits: Those of image files are cached, others are returned as they are.
        place: A folder; or "auto", below the user's cache folder; or "off".
        progress: Called with the numbers of images decoded and to decode.

    Raises:
        RunError: A file cannot be decoded.
    """
    mapped = [each for each in splits if _files(each)]
    if place == OFF or not mapped:
        return list(splits)
    try:
        cache = _opened([_files(each) for each in mapped], place, progress)
    except OSError as problem:
        logging.warning(
            "decoded images are not kept for later runs (%s); choose another folder "
            "with --cache, or --cache=off",
            printable(str(problem)),
        )
        return list(splits)
    return [_with(each, cache) for each in splits]


def folder(place: str) -> Path:
    """Returns the folder of caches; see `cached`.

    Raises:
        OSError: No home folder is known.
    """
    if place != AUTO:
        return Path(paths.expand(place, "--cache"))
    base = os.environ.get("XDG_CACHE_HOME", "")
    # Relative ones are to be ignored (XDG Base Directory Specification).
    root = base if os.path.isabs(base) else os.path.expanduser("~/.cache")
    if not os.path.isabs(root):
        raise OSError("no home folder is known")
    return Path(root) / "whyflat"


def _files(split: LabelledImages) -> Files | None:
    if isinstance(split, LazySplit) and isinstance(split.images, Files):
        return split.images
    return None


def _with(split: LabelledImages, cache: _Cache) -> LabelledImages:
    if not (isinstance(split, LazySplit) and isinstance(split.images, Files)):
        return split
    files = split.images
    rows = [cache.rows[os.path.abspath(path)][0] for path in files.paths]
    images = CachedFiles(files, cache, np.array(rows, np.int64))
    return dataclasses.replace(split, images=images)


def _opened(every: Sequence[Files | None], place: str, progress: Progress) -> _Cache:
    """Returns a cache of all of the files, after adding those that are not in it.

    Raises:
        OSError: It cannot be written.
    """
    several = [each for each in every if each]
    first = several[0]
    # As they were given, for messages.
    names = {os.path.abspath(path): path for each in several for path in each.paths}
    states = {path: _state(path) for path in names}
    path = folder(place) / f"{_name(first, states)}.images"
    cache = _read(path, first.shape[1:])
    known = cache.rows if cache else {}
    missing = [
        names[path]
        for path, state in states.items()
        if path not in known or known[path][1] != state
    ]
    if cache and not missing:
        return cache
    _write(path, cache, dataclasses.replace(first, paths=tuple(missing)), progress)
    written = _read(path, first.shape[1:])
    if written is None or not states.keys() <= written.rows.keys():
        raise OSError(f"{path} was replaced by another process")
    return written


def _state(path: str) -> _State:
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns


def _name(files: Files, states: Mapping[str, _State]) -> str:
    """Returns the name of a cache, hexadecimal digits."""
    from PIL import __version__ as pillow

    root = os.path.commonpath([os.path.dirname(path) for path in states])
    settings = [
        *files.shape[1:],
        files.decoding,
        root,
        tf.__version__,
        pillow,
    ]
    return hashlib.blake2b(json.dumps(settings).encode(), digest_size=16).hexdigest()


def _read(path: Path, shape: Sequence[int]) -> _Cache | None:
    """Opens a cache; None if there is none, or it is damaged."""
    try:
        with atomic.reading(path) as file:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            footer = content[-_FOOTER:]
            end = len(content) - _FOOTER
            index = content[end - int.from_bytes(footer[:8], "little") : end]
            fields: dict[str, Any] = json_text.parse_object(index)
            entries = fields["images"]
            size = len(entries) * int(np.prod(shape))
            is_whole = footer[8:] == _digest(index) + _MAGIC
            if not size or not is_whole or size != end - len(index):
                return None
            rows = {
                name: (row, (int(length), int(time)))
                for row, (name, length, time) in enumerate(entries)
            }
            images = np.frombuffer(content, np.uint8, size).reshape(-1, *shape)
            with tf.init_scope(), tf.device("CPU"):
                # By the open file: at the path may be another one by now.
                tensor = tf.raw_ops.ImmutableConst(
                    dtype=tf.uint8,
                    shape=images.shape,
                    memory_region_name=f"/dev/fd/{file.fileno()}",
                )
    except (OSError, ValueError, TypeError, KeyError, tf.errors.OpError):
        return None
    return _Cache(images, tensor, rows)


def _digest(index: bytes) -> bytes:
    return hashlib.blake2b(index, digest_size=_DIGEST).digest()


def _write(
    path: Path, before: _Cache | None, missing: Files, progress: Progress
) -> None:
    """Writes a cache: the images of an earlier one that are valid still, and new ones.

    Raises:
        OSError: It cannot be written, or would take too much of the free space.
        RunError: A file cannot be decoded.
    """
    # Before decoding: a file that changes meanwhile is decoded again by the next run.
    states = {os.path.abspath(name): _state(name) for name in missing.paths}
    kept = _valid(before) if before else {}
    kept = {name: entry for name, entry in kept.items() if name not in states}
    path.parent.mkdir(parents=True, exist_ok=True)
    _delete_leftovers(path)
    item = int(np.prod(missing.shape[1:]))
    needed = (len(kept) + len(states)) * item
    free = shutil.disk_usage(path.parent).free
    if needed > _PART_OF_FREE * free:
        raise OSError(
            f"they take {needed / 2**30:.1f} GiB, more than half of the "
            f"{free / 2**30:.1f} GiB that are free in {path.parent}"
        )
    with atomic.replacing(path) as file:
        if before:
            for chunk in _chunks(before.images, [row for row, _ in kept.values()]):
                file.write(chunk.tobytes())
        for image in missing.each(progress):
            file.write(image.tobytes())
        entries = [[name, *state] for name, (_, state) in kept.items()]
        entries += [[name, *state] for name, state in states.items()]
        index = json.dumps({"images": entries}).encode()
        file.write(index + len(index).to_bytes(8, "little") + _digest(index) + _MAGIC)


def _delete_leftovers(path: Path) -> None:
    """Deletes what killed processes have left of a cache; others write on."""
    for file in path.parent.glob(f"{path.name}.*{atomic.SUFFIX}"):
        with contextlib.suppress(OSError):
            if time.time() - file.stat().st_mtime > _ABANDONED:
                file.unlink()


def _valid(cache: _Cache) -> dict[str, tuple[int, _State]]:
    """Returns the entries whose files are there, unchanged."""
    valid = {}
    for name, (row, state) in cache.rows.items():
        try:
            is_same = _state(name) == state
        except OSError:
            continue
        if is_same:
            valid[name] = (row, state)
    return valid


def _chunks(images: np.ndarray, rows: Sequence[int]) -> Iterator[np.ndarray]:
    for start in range(0, len(rows), _CHUNK):
        yield images[np.array(rows[start : start + _CHUNK], np.int64)]
