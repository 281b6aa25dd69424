"""Image files that are read on demand, and brought to one size."""

from __future__ import annotations

import collections
import concurrent.futures
import dataclasses
import functools
import os
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from framework import compiled
from framework.config import reference
from framework.data import decode, fit, formats, memory
from framework.data.images import Progress
from framework.data.split import LabelledImages, LazySplit
from framework.errors import RunError, UsageError
from framework.system import quiet

# Luma weights of red, green and blue (ITU-R BT.601, as in JPEG).
_LUMA_WEIGHTS = (0.299, 0.587, 0.114)
# Progress is reported after each such number of images.
_PROGRESS_EVERY = 100
# Files that are read ahead by each thread.
_AHEAD = 4
# Changes when the same file is decoded to other pixels. Records of earlier versions,
# which ignored the EXIF orientation, have no version.
_VERSION = 2


@dataclasses.dataclass(frozen=True)
class Files:
    """Image files that are read on demand and resized; implements `Images`.

    Greyscale, palette, 16-bit and CMYK files become uint8 of `channels` channels, as
    `framework.data.decode` says. CMYK values of JPEG files are assumed to be inverted,
    as Adobe writes them.

    Attributes:
        paths: The files.
        size: Height and width in pixels.
        channels: 3 for RGB, or 1 for luma.
        resize: How images of another aspect ratio are fitted, one of `fit.MODES`.
        is_served: Whether `element` runs in another process, which cannot call Python
            functions of this one.
    """

    paths: tuple[str, ...]
    size: tuple[int, int]
    channels: int = 3
    resize: str = fit.SQUASH
    is_served: bool = False

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, height, width, channels)."""
        return (len(self.paths), *self.size, self.channels)

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """uint8."""
        return np.dtype(np.uint8)

    @property
    def decoding(self) -> dict[str, object]:
        """How files become pixels, apart from the shape, as JSON values."""
        return {"resize": self.resize, "version": _VERSION}

    def element(self, index: tf.Tensor) -> tf.Tensor:
        """Returns the image at a scalar int index, uint8 [height, width, channels].

        Raises:
            tf.errors.OpError: The file cannot be read; `corrupt` finds such files.
        """
        content = tf.io.read_file(tf.gather(self._path_tensor, index))
        read = _reader(self.size, self.channels, self.resize, self.is_served)
        return tf.ensure_shape(read(content), self.shape[1:])

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
        images = memory.empty(self.shape, self.dtype)
        for index, image in enumerate(self.each(progress)):
            images[index] = image
        return images

    def each(self, progress: Progress) -> Iterator[np.ndarray]:
        """Yields all images in order, uint8 [height, width, channels].

        Args:
            progress: Called with the numbers of images loaded and to load.

        Raises:
            RunError: A file cannot be read; the message names it.
        """
        total = len(self.paths)
        for index, image in enumerate(self._read()):
            yield self._readable(index, image)
            if (index + 1) % _PROGRESS_EVERY == 0 or index + 1 == total:
                progress(index + 1, total)

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
        images, total = memory.empty(self.shape, self.dtype), len(self.paths)
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
        threads = os.cpu_count() or 1
        pending: collections.deque[concurrent.futures.Future[Any]] = collections.deque()
        # The decoders' own messages do not name the file.
        with (
            quiet.suppressed_stderr(),
            concurrent.futures.ThreadPoolExecutor(threads) as pool,
        ):
            for path in self.paths:
                pending.append(pool.submit(self._image, path))
                if len(pending) > _AHEAD * threads:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()

    def _image(self, path: str) -> np.ndarray | tf.errors.OpError:
        """Returns an image, or the error of reading its file."""
        read = _reader(self.size, self.channels, self.resize, self.is_served)
        try:
            with tf.device("CPU"):
                content = tf.io.read_file(path.encode("utf-8", "surrogateescape"))
                image: np.ndarray = read(content).numpy()
                return image
        except tf.errors.OpError as problem:
            return problem


# Tracing takes some tenths of a second, and small reads are frequent.
@functools.lru_cache(maxsize=32)
def _reader(
    size: tuple[int, int], channels: int, resize: str, is_served: bool
) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns a compiled function from the content of a file to its image."""

    def read(content: tf.Tensor) -> tf.Tensor:
        image = decode.decode(content, is_served)
        if channels == 1:
            image = tf.reduce_sum(
                tf.cast(image, tf.float32) * _LUMA_WEIGHTS, axis=-1, keepdims=True
            )
        return tf.cast(tf.round(fit.fit(image, size, resize)), tf.uint8)

    function: Callable[[tf.Tensor], tf.Tensor] = compiled.function(
        read, input_signature=[tf.TensorSpec((), tf.string)]
    )
    return function


def _reason(problem: tf.errors.OpError, path: str) -> str:
    """Returns why a file cannot be read: the system's message if there is one."""
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError as cause:
        return f"cannot be read ({cause.strerror})"
    if isinstance(problem, (tf.errors.InvalidArgumentError, tf.errors.UnknownError)):
        return decode.problem(content)
    return f"cannot be read ({reference.reason(problem)})"


def checked_size(size: int | tuple[int, int]) -> tuple[int, int]:
    """Returns (height, width) in pixels.

    Args:
        size: The side of a square, or both sides.

    Raises:
        UsageError: It is neither.
    """
    pair = tuple(size) if isinstance(size, (tuple, list)) else (size, size)
    if len(pair) != 2 or not all(type(side) is int and side > 0 for side in pair):
        raise UsageError(f"size must be pixels or (height, width), not {size!r}")
    return pair


def check_arguments(validation: float, channels: int, resize: str) -> None:
    """Checks arguments that all data sets of files have.

    Raises:
        UsageError: One is out of range.
    """
    if not 0 < validation < 1:
        raise UsageError(f"validation must be between 0 and 1, not {validation}")
    if channels not in (1, 3):
        raise UsageError(f"channels must be 1 or 3, not {channels}")
    if resize not in fit.MODES:
        raise UsageError(f"resize must be {', '.join(fit.MODES)}, not {resize!r}")


def served(split: LabelledImages) -> LabelledImages:
    """Returns a split for image servers, which read files in another process.

    Raises:
        UsageError: There are files that only Pillow can decode.
    """
    if not (isinstance(split, LazySplit) and isinstance(split.images, Files)):
        return split
    for path in split.paths:
        kind = formats.of_name(pathlib.Path(path))
        if kind not in (*formats.OF_TENSORFLOW, ""):
            raise UsageError(
                f"--input=service reads JPEG and PNG files only, not {path}; use "
                f"--input=stream, or convert such files"
            )
    images = dataclasses.replace(split.images, is_served=True)
    return dataclasses.replace(split, images=images)


def files_of(split: LabelledImages) -> Files | None:
    """Returns the image files of a split; None if its images are in memory."""
    if isinstance(split, LazySplit) and isinstance(split.images, Files):
        return split.images
    return None
