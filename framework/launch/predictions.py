"""Predicts the classes of image files and arrays with a trained network."""

from __future__ import annotations

import csv
import itertools
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

import numpy as np

from framework.data import formats
from framework.data.files import Files
from framework.data.folder import image_files
from framework.errors import UsageError
from framework.launch.trained import Trained

# Files that are decoded at a time.
_CHUNK = 1024
_ARRAYS = (".npy", ".npz")
_KEYS = ("x", "images", "x_test")

# The name of an image, and its probabilities, [K], or what is wrong with it.
Prediction = tuple[str, "np.ndarray | str"]


def predict(
    trained: Trained, paths: Sequence[str], warn: Callable[[str], None] = warnings.warn
) -> Iterator[Prediction]:
    """Returns an iterator over the predictions of images, in the order of the paths.

    Args:
        trained: The network.
        paths: Image files, folders (all images in them and their folders, by name), and
            .npy or .npz files with images as in training ("x", or the only array).
        warn: Called, while iterating, with a line about arrays that seem to be scaled
            otherwise than in training.

    Raises:
        UsageError: A path does not exist or holds no images, or the network takes no
            image files; while iterating, arrays do not fit.
        RunError: A folder has an image of a format that is not read.
    """
    sources = [_source(path) for path in paths]
    files = [path for source in sources if isinstance(source, list) for path in source]
    if files and (trained.dtype != np.uint8 or trained.image_shape[2] not in (1, 3)):
        raise UsageError(
            f"the network was trained on {trained.dtype} arrays of "
            f"{trained.image_shape[2]} channels, not on image files; give an .npy or "
            f".npz file of such images, not {files[0]}"
        )
    return itertools.chain.from_iterable(
        _of_files(trained, source)
        if isinstance(source, list)
        else _of_array(trained, source, warn)
        for source in sources
    )


def write(
    predictions: Iterable[Prediction],
    class_names: Sequence[str],
    top: int,
    file: TextIO,
) -> dict[str, str]:
    """Writes predictions as CSV: file, class, probability, class_2, probability_2, ...

    Args:
        predictions: From `predict`.
        class_names: The names of the classes.
        top: The number of classes to list for each image, the most probable first.
        file: The file to write to.

    Returns:
        What is wrong with each image that could not be read, by name; the other
        cells of its row are empty.
    """
    top = min(top, len(class_names))
    header = ["file", "class", "probability"]
    for rank in range(2, top + 1):
        header += [f"class_{rank}", f"probability_{rank}"]
    writer, problems = csv.writer(file, lineterminator="\n"), {}
    writer.writerow(header)
    for name, row in predictions:
        cells = [name]
        if isinstance(row, str):
            problems[name] = row
            cells += [""] * (len(header) - 1)
        else:
            for index in np.argsort(-row, kind="stable")[:top]:
                cells += [class_names[index], f"{row[index]:.6g}"]
        writer.writerow(cells)
    return problems


def _source(path: str) -> list[str] | Path:
    """Returns the image files that a path names, or the path of a file of arrays.

    Raises:
        UsageError: There is no such path, or no image in it.
    """
    place = Path(path)
    if not place.exists():
        raise UsageError(f"there is no file or folder {path}")
    if place.suffix.lower() in _ARRAYS and place.is_file():
        return place
    found = image_files(place) if place.is_dir() else [path]
    if not found:
        known = ", ".join(formats.SUFFIXES)
        raise UsageError(f"{path} has no image files ({known})")
    return found


def _of_array(
    trained: Trained, path: Path, warn: Callable[[str], None]
) -> Iterator[Prediction]:
    """Yields the predictions of the images in a file of arrays."""
    try:
        images = _read_array(path)
        rows = trained.predict(images)
        if text := trained.scale_warning(images):
            warn(f"{path}: {text}")
    except UsageError as problem:
        raise UsageError(f"{path}: {problem}") from None
    for index, row in enumerate(rows):
        yield f"{path}[{index}]", row


def _read_array(path: Path) -> np.ndarray:
    """Reads images from an .npy or .npz file.

    Raises:
        UsageError: There is no such file, or no array of images in it.
    """
    try:
        content = np.load(path, allow_pickle=False)
        if isinstance(content, np.ndarray):
            return content
        with content:
            names = content.files
            known = [name for name in _KEYS if name in names]
            if not known and len(names) != 1:
                raise UsageError(
                    f"it has the arrays {', '.join(names)}; name one of them x"
                )
            images: np.ndarray = content[(known or names)[0]]
            return images
    except UsageError:
        raise
    except (OSError, ValueError, EOFError) as problem:
        raise UsageError(f"it is no file of arrays: {problem}") from None


def _of_files(trained: Trained, paths: Sequence[str]) -> Iterator[Prediction]:
    """Yields the predictions of image files, which are read as in training."""
    height, width, channels = trained.image_shape
    for start in range(0, len(paths), _CHUNK):
        chunk = tuple(paths[start : start + _CHUNK])
        files = Files(chunk, (height, width), channels, trained.resize)
        images, indices, problems = files.load_readable(lambda *_: None)
        rows = dict(zip(indices.tolist(), trained.predict(images), strict=True))
        for index, path in enumerate(chunk):
            yield path, rows[index] if index in rows else problems[index]
