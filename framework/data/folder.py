"""Data sets of JPEG and PNG files, one folder per class."""

from __future__ import annotations

import dataclasses
import functools
import os
import pathlib
from collections.abc import Iterator

import numpy as np
import tensorflow as tf
from absl import logging

from framework.config import reference
from framework.data.dataset import Dataset, Progress, Split, stratified_split
from framework.errors import RunError, UsageError
from framework.system import paths, quiet

_SUFFIXES = (".jpg", ".jpeg", ".png")
# The first that is there counts.
_VALIDATION_FOLDERS = ("validation", "val", "valid", "test")
# How bright the eye finds red, green and blue (ITU-R BT.601, as JPEG has it).
_BRIGHTNESS = (0.299, 0.587, 0.114)
# A log line or a note names no more files than this.
_MOST_NAMES = 10
_PROGRESS_EVERY = 100


def folder(
    path: str,
    size: int | tuple[int, int] = 64,
    validation: float = 0.2,
    seed: int = 0,
    channels: int = 3,
    skip_corrupt: bool = False,
) -> Dataset:
    """Returns the images below a folder, read when they are needed.

    The folder holds one sub-folder of .jpg, .jpeg or .png files per class, and is then
    divided in two; or it holds `train` and `validation` (or val, valid, test), each
    with such sub-folders. Classes are in the order of their names.

    Args:
        path: The folder.
        size: The height and width in pixels to resize to, or both as (height, width).
        validation: Which part of each class to validate on, between 0 and 1, where
            there is no folder for it.
        seed: Which of the many such divisions to take.
        channels: 3 for colour, 1 for grey.
        skip_corrupt: Leave files out that cannot be read, instead of stopping at the
            first one. All files are then read once before anything else is done.

    Raises:
        UsageError: There is no such folder, or an argument is out of range.
        RunError: The folders hold no two classes of images, or are not alike.
    """
    size = _checked_size(size)
    if not 0 < validation < 1:
        raise UsageError(f"validation must be between 0 and 1, not {validation}")
    if channels not in (1, 3):
        raise UsageError(f"channels must be 1 or 3, not {channels}")
    root = pathlib.Path(paths.expand(path, "path"))
    if not root.is_dir():
        kind = "is not a folder" if root.exists() else "does not exist"
        raise UsageError(f"{str(path)!r} {kind}; give a folder of one folder per class")
    notes: list[str] = []

    def read(part: pathlib.Path) -> tuple[Split, tuple[str, ...]]:
        paths, labels, names = _find_images(part, notes)
        split = Split(Files(paths, size, channels), labels)
        if skip_corrupt:
            split = _without_corrupt(split, names, notes)
        return split, names

    held_out = _validation_folder(root, notes)
    if held_out is None:
        whole, names = read(root)
        train, rest = _divide(whole, validation, seed, names, notes)
    else:
        (train, names), (rest, others) = read(root / "train"), read(held_out)
        _check_same_classes(names, others, held_out)
    return Dataset(
        f"folder {path}", train, rest, names, tuple(notes), is_split_drawn=not held_out
    )


@dataclasses.dataclass(frozen=True)
class Files:
    """Image files, resized to one size as they are read: an `Images`.

    Grey, palette, 16-bit and CMYK files become uint8 of `channels` channels;
    transparency is dropped, not blended. CMYK values are taken to be inverted, as Adobe
    writes them and nearly all such JPEG files are. The orientation that a camera notes
    in EXIF data is not applied: turn such photographs beforehand. Resizing is bilinear,
    with smoothing where it makes smaller, and does not keep the ratio of the sides.

    Attributes:
        paths: The files.
        size: Height and width in pixels.
        channels: 3 for red, green and blue, or 1 for brightness.
    """

    paths: tuple[str, ...]
    size: tuple[int, int]
    channels: int = 3

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, height, width, channels)."""
        return (len(self.paths), *self.size, self.channels)

    @property
    def dtype(self) -> np.dtype:
        """uint8."""
        return np.dtype(np.uint8)

    def element(self, index: tf.Tensor) -> tf.Tensor:
        """Returns the image at a scalar int index: uint8 [height, width, channels].

        Raises:
            tf.errors.OpError: The file cannot be read; `corrupt` tells which ones.
        """
        content = tf.io.read_file(tf.gather(self._names, index))
        # Three channels even for grey: CMYK files cannot be decoded to one.
        image = tf.io.decode_image(content, channels=3, expand_animations=False)
        image = tf.ensure_shape(image, (None, None, 3))
        if self.channels == 1:
            image = tf.reduce_sum(
                tf.cast(image, tf.float32) * _BRIGHTNESS, axis=-1, keepdims=True
            )
        image = tf.cond(
            tf.reduce_all(tf.shape(image)[:2] == self.size),
            lambda: _bytes(image),
            lambda: _bytes(tf.image.resize(image, self.size, antialias=True)),
        )
        return tf.ensure_shape(image, self.shape[1:])

    @functools.cached_property
    def _names(self) -> tf.Tensor:
        """The paths, a string tensor made once: graphs refer to it."""
        # The names of files need not be valid text.
        paths = [path.encode("utf-8", "surrogateescape") for path in self.paths]
        with tf.init_scope(), tf.device("CPU"):
            return tf.constant(paths)

    def load(self, progress: Progress) -> np.ndarray:
        """Returns all images, uint8 of `shape`.

        Args:
            progress: Told now and then how many of how many are ready.

        Raises:
            RunError: A file cannot be read; it is named.
        """
        images, total = np.empty(self.shape, self.dtype), len(self.paths)
        for index, image in enumerate(self._read()):
            images[index] = self._whole(index, image)
            if (index + 1) % _PROGRESS_EVERY == 0 or index + 1 == total:
                progress(index + 1, total)
        return images

    def take(self, indices: np.ndarray) -> Files:
        """Returns the files at the indices, in their order."""
        paths = tuple(self.paths[index] for index in indices)
        return dataclasses.replace(self, paths=paths)

    def check(self) -> None:
        """Reads all files.

        Raises:
            RunError: One cannot be read; it is named.
        """
        for index, image in enumerate(self._read()):
            self._whole(index, image)

    def corrupt(self) -> np.ndarray:
        """Returns the indices of the files that cannot be read, int64; reads all."""
        images = enumerate(self._read())
        bad = [index for index, image in images if not isinstance(image, np.ndarray)]
        return np.array(bad, np.int64)

    def _whole(self, index: int, image: np.ndarray | tf.errors.OpError) -> np.ndarray:
        """Returns an image, or refuses what is none."""
        if isinstance(image, tf.errors.NotFoundError):
            raise RunError(f"{self.paths[index]} is no longer there; put it back")
        if isinstance(image, tf.errors.OpError):
            path = self.paths[index]
            raise RunError(
                f"{path} {_reason(image, path)}; repair or delete it, or leave such "
                f"files out by skip_corrupt=True"
            )
        return image

    def _read(self) -> Iterator[np.ndarray | tf.errors.OpError]:
        """Yields each image in order, or what is wrong with its file."""
        dataset = tf.data.Dataset.range(len(self.paths))
        dataset = dataset.map(self.element, os.cpu_count(), deterministic=True)
        options = tf.data.Options()
        # Its thread would make the end wait, up to some seconds.
        options.autotune.enabled = False
        # The decoders complain of bad files in words of their own, which name none.
        with quiet.suppressed_stderr():
            images = iter(dataset.with_options(options))
            for _ in self.paths:
                # In a fixed order, an error stands in its image's place, and the next
                # image comes after it.
                try:
                    image = next(images).numpy()
                except tf.errors.OpError as problem:
                    image = problem
                yield image


def _bytes(image: tf.Tensor) -> tf.Tensor:
    """Returns an image as uint8, rounded if it is not."""
    return image if image.dtype == tf.uint8 else tf.cast(tf.round(image), tf.uint8)


def _reason(problem: tf.errors.OpError, path: str) -> str:
    """Returns why a file cannot be read, in the system's words where it has some."""
    try:
        with open(path, "rb") as file:
            file.read(1)
    except OSError as cause:
        return f"cannot be read ({cause.strerror})"
    if isinstance(problem, tf.errors.InvalidArgumentError):
        return "is not a whole JPEG or PNG file"
    return f"cannot be read ({reference.reason(problem)})"


def _checked_size(size: int | tuple[int, int]) -> tuple[int, int]:
    pair = tuple(size) if isinstance(size, (tuple, list)) else (size, size)
    if len(pair) != 2 or not all(type(side) is int and side > 0 for side in pair):
        raise UsageError(f"size must be pixels or (height, width), not {size!r}")
    return pair


def _validation_folder(root: pathlib.Path, notes: list[str]) -> pathlib.Path | None:
    """Returns the folder beside `train` to validate on, if the two are there."""
    if not (root / "train").is_dir():
        return None
    found = [name for name in _VALIDATION_FOLDERS if (root / name).is_dir()]
    if not found:
        # A class of trains holds images; a training split holds folders.
        if not any(map(_is_class, (root / "train").iterdir())):
            return None
        raise UsageError(
            f"'{root}' has a folder 'train' but none of "
            f"{', '.join(_VALIDATION_FOLDERS)}; add one, or give {root / 'train'} as "
            "the path to divide its images in two"
        )
    if found[0] != "validation":
        notes.append(f"the folder '{found[0]}' is what is validated on")
    return root / found[0]


def _find_images(
    root: pathlib.Path, notes: list[str]
) -> tuple[tuple[str, ...], np.ndarray, tuple[str, ...]]:
    """Returns the image files below a folder, their labels and the classes' names."""
    children = sorted(root.iterdir())
    classes = [child for child in children if _is_class(child)]
    if not classes:
        raise UsageError(f"'{root}' has no folders in it; each class must have its own")
    files = [sorted(child.iterdir()) for child in classes]
    images = [[file for file in found if _is_image(file)] for found in files]
    others = len(children) - len(classes)
    others += sum(map(len, files)) - sum(map(len, images))
    if others:
        notes.append(f"{others} entries of '{root}' that are no images are ignored")
    counts = np.array([len(found) for found in images])
    names = tuple(child.name for child in classes)
    if not counts.any():
        raise RunError(f"'{root}' has no .jpg, .jpeg or .png files in its folders")
    _check_classes(counts, names, root)
    paths = tuple(str(file) for found in images for file in found)
    return paths, np.repeat(np.arange(len(names), dtype=np.int32), counts), names


def _is_class(path: pathlib.Path) -> bool:
    # Archives made on a Mac hold a folder __MACOSX.
    return not path.name.startswith((".", "__")) and path.is_dir()


def _is_image(path: pathlib.Path) -> bool:
    ours = path.name[0] != "." and path.suffix.lower() in _SUFFIXES
    return ours and path.is_file()


def _check_classes(
    counts: np.ndarray, names: tuple[str, ...], root: pathlib.Path
) -> None:
    if not counts.all():
        empty = [name for name, count in zip(names, counts, strict=True) if not count]
        raise RunError(
            f"'{root}' has no readable images of {', '.join(map(repr, empty))}; add "
            "some, or delete the folder"
        )
    if len(names) < 2:
        raise RunError(f"'{root}' has one class only, {names[0]!r}; add another")


def _check_same_classes(
    train: tuple[str, ...], validation: tuple[str, ...], held_out: pathlib.Path
) -> None:
    different = sorted(set(train) ^ set(validation))
    if different:
        name = different[0]
        has, lacks = "train", held_out.name
        if name in validation:
            has, lacks = lacks, has
        raise RunError(
            f"'{held_out.parent}': class {name!r} is in '{has}' but not in '{lacks}'; "
            "both must have the same folders"
        )


def _without_corrupt(split: Split, names: tuple[str, ...], notes: list[str]) -> Split:
    """Returns the examples whose files can be read, and notes those that cannot."""
    bad = split.images.corrupt()
    if not len(bad):
        return split
    paths = split.images.take(bad[:_MOST_NAMES]).paths
    more = ", ..." if len(bad) > len(paths) else ""
    notes.append(f"{len(bad)} unreadable files left out: {', '.join(paths)}{more}")
    logging.warning("%s", notes[-1])
    kept = split.take(np.setdiff1d(np.arange(len(split)), bad))
    counts = np.bincount(kept.labels, minlength=len(names))
    _check_classes(counts, names, pathlib.Path(paths[0]).parent.parent)
    return kept


def _divide(
    whole: Split, share: float, seed: int, names: tuple[str, ...], notes: list[str]
) -> tuple[Split, Split]:
    """Divides images in two, each class in the same proportion."""
    train, validation = (
        whole.take(indices) for indices in stratified_split(whole.labels, share, seed)
    )
    if not len(validation):
        raise UsageError(
            f"validation={share} of {len(whole)} images is none of any class; raise it"
        )
    counts = np.bincount(validation.labels, minlength=len(names))
    absent = [name for name, count in zip(names, counts, strict=True) if not count]
    if absent:
        notes.append(f"no images to validate on of {', '.join(map(repr, absent))}")
    return train, validation
