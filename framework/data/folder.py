"""A data set of JPEG and PNG files, with one folder per class."""

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
from framework.data.dataset import Dataset, LazySplit, Progress, stratified_split
from framework.errors import RunError, UsageError
from framework.system import paths, quiet

_SUFFIXES = (".jpg", ".jpeg", ".png")
# The first one that exists is used.
_VALIDATION_FOLDERS = ("validation", "val", "valid", "test")
# Luma weights of red, green and blue (ITU-R BT.601, as in JPEG).
_LUMA_WEIGHTS = (0.299, 0.587, 0.114)
# The maximum number of files that a log line or a notice names.
_MAX_NAMES = 10
# Progress is reported after each such number of images.
_PROGRESS_EVERY = 100


def folder(
    path: str,
    size: int | tuple[int, int] = 64,
    validation: float = 0.2,
    seed: int = 0,
    channels: int = 3,
    skip_corrupt: bool = False,
) -> Dataset:
    """Returns the images of a folder, read on demand.

    The folder has one sub-folder of .jpg, .jpeg or .png files per class, which are
    divided at random into training and validation images. Or it has the folders `train`
    and `validation` (or val, valid, test), each with such sub-folders. A folder `test`
    beside both is the untouched test part. Classes are sorted by name.

    Args:
        path: The folder.
        size: The height and width in pixels to resize to, or both as (height, width).
        validation: Fraction of each class to use for validation, between 0 and 1, if
            there is no validation folder.
        seed: Seed of the random division.
        channels: 3 for RGB, 1 for greyscale.
        skip_corrupt: Leaves out unreadable files instead of stopping at the first one.
            All files are then read once at the start.

    Raises:
        UsageError: There is no such folder, or an argument is out of range.
        RunError: There are fewer than two classes of images, or the classes of the
            folders differ.
    """
    pixels = _checked_size(size)
    if not 0 < validation < 1:
        raise UsageError(f"validation must be between 0 and 1, not {validation}")
    if channels not in (1, 3):
        raise UsageError(f"channels must be 1 or 3, not {channels}")
    root = pathlib.Path(paths.expand(path, "path"))
    if not root.is_dir():
        kind = "is not a folder" if root.exists() else "does not exist"
        raise UsageError(
            f"{str(path)!r} {kind}; give a folder with one sub-folder per class"
        )
    notes: list[str] = []

    def read(part: pathlib.Path) -> tuple[LazySplit, tuple[str, ...]]:
        paths, labels, names = _find_images(part, notes)
        files = Files(paths, pixels, channels)
        if skip_corrupt:
            files, labels = _without_corrupt(files, labels, names, notes)
        return LazySplit(files, labels), names

    validation_folder = _validation_folder(root, notes)
    test = None
    if validation_folder is None:
        whole, names = read(root)
        train, held_out = _divide(whole, validation, seed, names, notes)
    else:
        train, names = read(root / "train")
        held_out, other_names = read(validation_folder)
        _check_same_classes(names, other_names, validation_folder)
        if _has_test_part(root, validation_folder, notes):
            test, other_names = read(root / "test")
            _check_same_classes(names, other_names, root / "test")
    return Dataset(
        f"folder {path}",
        train,
        held_out,
        names,
        tuple(notes),
        is_split_drawn=validation_folder is None,
        test=test,
    )


@dataclasses.dataclass(frozen=True)
class Files:
    """Image files that are read on demand and resized; implements `Images`.

    Greyscale, palette, 16-bit and CMYK files become uint8 of `channels` channels. Alpha
    channels are dropped, not blended. CMYK values are assumed to be inverted, as Adobe
    writes them. The EXIF orientation is ignored: rotate such photographs beforehand.
    Resizing is bilinear with antialiasing, and does not keep the aspect ratio.

    Attributes:
        paths: The files.
        size: Height and width in pixels.
        channels: 3 for RGB, or 1 for luma.
    """

    paths: tuple[str, ...]
    size: tuple[int, int]
    channels: int = 3

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, height, width, channels)."""
        return (len(self.paths), *self.size, self.channels)

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """uint8."""
        return np.dtype(np.uint8)

    def element(self, index: tf.Tensor) -> tf.Tensor:
        """Returns the image at a scalar int index, uint8 [height, width, channels].

        Raises:
            tf.errors.OpError: The file cannot be read; `corrupt` finds such files.
        """
        content = tf.io.read_file(tf.gather(self._path_tensor, index))
        # Three channels even for greyscale: CMYK files cannot be decoded to one.
        image = tf.io.decode_image(content, channels=3, expand_animations=False)
        image = tf.ensure_shape(image, (None, None, 3))
        if self.channels == 1:
            image = tf.reduce_sum(
                tf.cast(image, tf.float32) * _LUMA_WEIGHTS, axis=-1, keepdims=True
            )
        image = tf.cond(
            tf.reduce_all(tf.shape(image)[:2] == self.size),
            lambda: _to_uint8(image),
            lambda: _to_uint8(tf.image.resize(image, self.size, antialias=True)),
        )
        return tf.ensure_shape(image, self.shape[1:])

    @functools.cached_property
    def _path_tensor(self) -> tf.Tensor:
        """The paths as a string tensor that all graphs share."""
        # File names need not be valid text.
        paths = [path.encode("utf-8", "surrogateescape") for path in self.paths]
        with tf.init_scope(), tf.device("CPU"):
            return tf.constant(paths)

    def load(self, progress: Progress) -> np.ndarray:
        """Returns all images, uint8 of `shape`.

        Args:
            progress: Called with the numbers of images loaded and to load.

        Raises:
            RunError: A file cannot be read; the message names it.
        """
        images, total = np.empty(self.shape, self.dtype), len(self.paths)
        for index, image in enumerate(self._read()):
            images[index] = self._readable(index, image)
            if (index + 1) % _PROGRESS_EVERY == 0 or index + 1 == total:
                progress(index + 1, total)
        return images

    def load_readable(
        self, progress: Progress
    ) -> tuple[np.ndarray, np.ndarray, dict[int, str]]:
        """Returns the images that can be read, and why the others cannot.

        Args:
            progress: Called with the numbers of files read and to read.

        Returns:
            The images, uint8 [n, height, width, channels]; their indices, int64 [n];
            and for the index of each other file what is wrong with it, in words.
        """
        images, total = np.empty(self.shape, self.dtype), len(self.paths)
        indices: list[int] = []
        problems: dict[int, str] = {}
        for index, image in enumerate(self._read()):
            try:
                images[len(indices)] = self._readable(index, image, "repair it")
                indices.append(index)
            except RunError as problem:
                problems[index] = str(problem).removeprefix(f"{self.paths[index]} ")
            if (index + 1) % _PROGRESS_EVERY == 0 or index + 1 == total:
                progress(index + 1, total)
        return images[: len(indices)], np.array(indices, np.int64), problems

    def take(self, indices: np.ndarray) -> Files:
        """Returns the files at the indices, in their order."""
        paths = tuple(self.paths[index] for index in indices)
        return dataclasses.replace(self, paths=paths)

    def check(self) -> None:
        """Reads all files.

        Raises:
            RunError: A file cannot be read; the message names it.
        """
        for index, image in enumerate(self._read()):
            self._readable(index, image)

    def corrupt(self) -> np.ndarray:
        """Reads all files; returns the indices of the unreadable ones, int64 [n]."""
        images = enumerate(self._read())
        bad = [index for index, image in images if not isinstance(image, np.ndarray)]
        return np.array(bad, np.int64)

    def _readable(
        self,
        index: int,
        image: np.ndarray | tf.errors.OpError,
        advice: str = (
            "repair or delete it, or leave out such files with skip_corrupt=True"
        ),
    ) -> np.ndarray:
        """Returns an image; raises RunError if it is an error instead."""
        path = self.paths[index]
        if isinstance(image, tf.errors.NotFoundError):
            raise RunError(f"{path} no longer exists; restore it")
        if isinstance(image, tf.errors.OpError):
            raise RunError(f"{path} {_reason(image, path)}; {advice}")
        return image

    def _read(self) -> Iterator[np.ndarray | tf.errors.OpError]:
        """Yields, in order, each image or the error of reading its file."""
        dataset = tf.data.Dataset.range(len(self.paths))
        dataset = dataset.map(self.element, os.cpu_count(), deterministic=True)
        options = tf.data.Options()
        # The autotuner's thread would delay the end by some seconds.
        options.autotune.enabled = False
        # The decoders' own messages do not name the file.
        with quiet.suppressed_stderr():
            images = iter(dataset.with_options(options))
            for _ in self.paths:
                # The order is fixed: an error takes its image's place, and iteration
                # continues with the next image.
                try:
                    image = next(images).numpy()
                except tf.errors.OpError as problem:
                    image = problem
                yield image


def _to_uint8(image: tf.Tensor) -> tf.Tensor:
    """Returns an image as uint8, rounded."""
    return image if image.dtype == tf.uint8 else tf.cast(tf.round(image), tf.uint8)


def _reason(problem: tf.errors.OpError, path: str) -> str:
    """Returns why a file cannot be read: the system's message if there is one."""
    try:
        with open(path, "rb") as file:
            file.read(1)
    except OSError as cause:
        return f"cannot be read ({cause.strerror})"
    if isinstance(problem, tf.errors.InvalidArgumentError):
        return "is not a complete JPEG or PNG file"
    return f"cannot be read ({reference.reason(problem)})"


def _checked_size(size: int | tuple[int, int]) -> tuple[int, int]:
    """Returns (height, width) in pixels."""
    pair = tuple(size) if isinstance(size, (tuple, list)) else (size, size)
    if len(pair) != 2 or not all(type(side) is int and side > 0 for side in pair):
        raise UsageError(f"size must be pixels or (height, width), not {size!r}")
    return pair


def _validation_folder(root: pathlib.Path, notes: list[str]) -> pathlib.Path | None:
    """Returns the validation folder beside `train`; None if there is no `train`."""
    if not (root / "train").is_dir():
        return None
    present = [name for name in _VALIDATION_FOLDERS if (root / name).is_dir()]
    if not present:
        # A class named "train" has images in it; a training split has folders.
        if not any(map(_is_class, (root / "train").iterdir())):
            return None
        raise UsageError(
            f"'{root}' has a folder 'train' but none of "
            f"{', '.join(_VALIDATION_FOLDERS)}; add one, or give {root / 'train'} as "
            "the path to divide its images at random"
        )
    if present[0] != "validation":
        notes.append(f"the folder '{present[0]}' is used for validation")
    return root / present[0]


def _has_test_part(
    root: pathlib.Path, validation_folder: pathlib.Path, notes: list[str]
) -> bool:
    """Returns whether there is a folder `test` of classes besides that of validation.

    In some published data sets its images have no labels, and are in no class folders.
    """
    folder = root / "test"
    if validation_folder == folder or not folder.is_dir():
        return False
    if any(map(_is_class, folder.iterdir())):
        return True
    notes.append(f"'{folder}' has no class folders and is not used")
    return False


def _find_images(
    root: pathlib.Path, notes: list[str]
) -> tuple[tuple[str, ...], np.ndarray, tuple[str, ...]]:
    """Returns the image files of a folder, their labels and the class names."""
    children = sorted(root.iterdir())
    classes = [child for child in children if _is_class(child)]
    if not classes:
        raise UsageError(f"'{root}' has no folders in it; each class must have its own")
    entries = [sorted(child.iterdir()) for child in classes]
    images = [[file for file in files if _is_image(file)] for files in entries]
    others = len(children) - len(classes)
    others += sum(map(len, entries)) - sum(map(len, images))
    if others:
        notes.append(f"{others} entries of '{root}' are not images and were ignored")
    counts = np.array([len(files) for files in images])
    names = tuple(child.name for child in classes)
    if not counts.any():
        raise RunError(f"'{root}' has no .jpg, .jpeg or .png files in its folders")
    _check_classes(counts, names, root)
    paths = tuple(str(file) for files in images for file in files)
    return paths, np.repeat(np.arange(len(names), dtype=np.int32), counts), names


def image_files(root: pathlib.Path) -> list[str]:
    """Returns the image files in a folder and in the folders inside it, sorted."""
    return sorted(str(path) for path in root.rglob("*") if _is_image(path))


def _is_class(path: pathlib.Path) -> bool:
    # Archives made on a Mac have a folder __MACOSX.
    return not path.name.startswith((".", "__")) and path.is_dir()


def _is_image(path: pathlib.Path) -> bool:
    has_image_name = path.name[0] != "." and path.suffix.lower() in _SUFFIXES
    return has_image_name and path.is_file()


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
        raise RunError(f"'{root}' has only one class, {names[0]!r}; add another")


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
            f"both must have the same folders; rename '{held_out.name}' to leave it out"
        )


def _without_corrupt(
    files: Files, labels: np.ndarray, names: tuple[str, ...], notes: list[str]
) -> tuple[Files, np.ndarray]:
    """Returns the readable files and their labels; adds a notice of the others."""
    bad = files.corrupt()
    if not len(bad):
        return files, labels
    paths = files.take(bad[:_MAX_NAMES]).paths
    more = ", ..." if len(bad) > len(paths) else ""
    notes.append(f"{len(bad)} unreadable files left out: {', '.join(paths)}{more}")
    logging.warning("%s", notes[-1])
    good = np.setdiff1d(np.arange(len(labels)), bad)
    counts = np.bincount(labels[good], minlength=len(names))
    _check_classes(counts, names, pathlib.Path(paths[0]).parent.parent)
    return files.take(good), labels[good]


def _divide(
    whole: LazySplit,
    fraction: float,
    seed: int,
    names: tuple[str, ...],
    notes: list[str],
) -> tuple[LazySplit, LazySplit]:
    """Divides images into training and validation images, stratified by class."""
    first, second = stratified_split(whole.labels, fraction, seed)
    train, validation = whole.take(first), whole.take(second)
    if not len(validation):
        raise UsageError(
            f"validation={fraction} of {len(whole)} images leaves no validation image "
            "of any class; raise it"
        )
    counts = np.bincount(validation.labels, minlength=len(names))
    absent = [name for name, count in zip(names, counts, strict=True) if not count]
    if absent:
        notes.append(
            f"there are no validation images of {', '.join(map(repr, absent))}"
        )
    return train, validation
