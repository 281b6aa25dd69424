"""Data sets of arrays: handwritten digits, an .npz file, or noise."""

from __future__ import annotations

import importlib.util
import pathlib
import zipfile
import zlib

import numpy as np
from numpy.lib import format as npy

from framework.data import memory
from framework.data.dataset import Dataset
from framework.data.split import Split
from framework.data.stratify import stratified_split
from framework.errors import RunError, UsageError
from framework.system import atomic, paths

_NAMES = ("x_train", "y_train", "x_validation", "y_validation")
_TEST_NAMES = ("x_test", "y_test")
_IMAGES = tuple(name for name in (*_NAMES, *_TEST_NAMES) if name.startswith("x_"))
# The optional weights of the examples, by part.
_WEIGHTS = {
    "train": "weights",
    "validation": "validation_weights",
    "test": "test_weights",
}
# More class names would fill the memory.
_MAX_CLASSES = 1_000_000
# What NumPy raises for files that are truncated, damaged or of another format.
_DAMAGED = (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error)


def digits(validation: float = 0.2, seed: int = 0) -> Dataset:
    """Returns the 1,797 handwritten digits that come with scikit-learn.

    Images are uint8 [N, 8, 8, 1]; the scans' 17 shades are scaled to 0 to 255.

    >>> dataset = digits(validation=0.2)
    >>> len(dataset.train), len(dataset.validation), dataset.image_shape
    (1438, 359, (8, 8, 1))

    Args:
        validation: Fraction of each class to use for validation, between 0 and 1.
        seed: Seed of the random division into training and validation images.

    Raises:
        UsageError: `validation` is out of range, or scikit-learn is not installed.
    """
    if not 0 < validation < 1:
        raise UsageError(f"validation must be between 0 and 1, not {validation}")
    rows = _scans()
    images = np.round(rows[:, :-1] * 255 / 16).astype(np.uint8).reshape(-1, 8, 8, 1)
    whole = Split(images, rows[:, -1].astype(np.int32))
    first, second = stratified_split(whole.labels, validation, seed)
    names = tuple(str(digit) for digit in range(10))
    return Dataset("digits", whole.take(first), whole.take(second), names)


def _scans() -> np.ndarray:
    """Returns the scans, float64 [1797, 65]: 8x8 shades from 0 to 16, and the digit."""
    package = importlib.util.find_spec("sklearn")
    if package is None or package.submodule_search_locations is None:
        raise UsageError("digits needs scikit-learn: pip install scikit-learn")
    folder = pathlib.Path(package.submodule_search_locations[0])
    path = folder / "datasets/data/digits.csv.gz"
    if path.exists():
        return np.loadtxt(path, delimiter=",")
    # Works with every version, but importing scikit-learn takes a second.
    from sklearn import datasets

    return np.column_stack(datasets.load_digits(return_X_y=True))


def noise(
    train: int = 1000,
    validation: int = 200,
    size: int = 64,
    classes: int = 5,
    validation_scale: float = 1.5,
    seed: int = 0,
) -> Dataset:
    """Returns images of pure noise with random labels, from which nothing generalises.

    Images are float32 [N, size, size, 3], normal with mean 0 and deviation 1.

    >>> dataset = noise(train=100, validation=20, size=8, classes=3)
    >>> dataset.train.shape, dataset.num_classes
    ((100, 8, 8, 3), 3)

    Args:
        train: The number of training images.
        validation: The number of validation images.
        size: Height and width in pixels.
        classes: The number of classes.
        validation_scale: Factor by which the validation images are multiplied.
        seed: Seed of the noise and the labels.

    Raises:
        UsageError: A count is not positive, or the number of classes is out of range.
    """
    counts = {"train": train, "validation": validation, "size": size}
    for name, value in counts.items():
        if value < 1:
            raise UsageError(f"{name} must be at least 1, not {value}")
    if classes < 2:
        raise UsageError(f"classes must be at least 2, not {classes}")
    if classes > _MAX_CLASSES:
        raise UsageError(f"classes must be at most {_MAX_CLASSES}, not {classes}")
    generator = np.random.Generator(np.random.PCG64(seed))

    def draw(count: int, scale: float) -> Split:
        images = memory.empty((count, size, size, 3), np.float32)
        generator.standard_normal(dtype=np.float32, out=images)
        images *= np.float32(scale)
        return Split(images, generator.integers(classes, size=count, dtype=np.int32))

    names = tuple(str(label) for label in range(classes))
    return Dataset("noise", draw(train, 1.0), draw(validation, validation_scale), names)


def arrays(path: str) -> Dataset:
    """Reads a data set from an .npz file, as written by `numpy.savez`.

    The file has arrays x_train, y_train, x_validation and y_validation, and optionally
    class_names, and x_test and y_test, the untouched test part. Images are [N, height,
    width] or [N, height, width, channels]. uint8 images are kept; other numbers are
    cast to float32 without rescaling. Labels are integers from 0, of shape [N] or
    [N, 1]; or, where an image may have several labels, 0 or 1 for each class, [N, K].
    The arrays weights, validation_weights and test_weights, [N], are optional:
    the weight of each example, 0 or more.

    Args:
        path: The file.

    Raises:
        UsageError: There is no such file.
        RunError: The file is damaged, lacks an array, or cannot be trained on.
    """
    path = paths.expand(path, "path")
    if not pathlib.Path(path).is_file():
        raise UsageError(f"there is no file {str(path)!r}; write one with numpy.savez")
    content = _read_npz(path)
    parts = ["train", "validation"]
    required = list(_NAMES)
    if any(name in content for name in _TEST_NAMES):
        parts.append("test")
        required += _TEST_NAMES
    missing = [name for name in required if name not in content]
    if missing:
        raise RunError(
            f"{path} lacks {', '.join(missing)}; write it with "
            f"numpy.savez(path, {', '.join(f'{name}=...' for name in required)})"
        )
    splits = {
        part: Split(
            checked_images(content[f"x_{part}"], f"{path}, x_{part}"),
            checked_labels(content[f"y_{part}"], f"{path}, y_{part}", part == "train"),
            checked_weights(content.get(_WEIGHTS[part]), f"{path}, {_WEIGHTS[part]}"),
        )
        for part in parts
    }
    names = class_names_of(content.get("class_names"), splits["train"].labels, path)
    notes = tuple(
        f"{name} is {content[name].dtype} and was cast to float32 without rescaling; "
        "save pixels from 0 to 255 as uint8"
        for name in (f"x_{part}" for part in parts)
        if np.issubdtype(content[name].dtype, np.integer)
        and content[name].dtype != np.uint8
    )
    return Dataset(
        str(path),
        splits["train"],
        splits["validation"],
        names,
        notes,
        test=splits.get("test"),
    )


def _read_npz(path: str) -> dict[str, np.ndarray]:
    """Returns the arrays of an .npz file that a data set uses, by name."""
    name = "it"
    try:
        # NumPy does not close a damaged file that it has opened itself.
        with atomic.reading(pathlib.Path(path)) as stream:
            file = np.load(stream, allow_pickle=False)
            if isinstance(file, np.ndarray):
                raise RunError(f"{path} is a single array; write it with numpy.savez")
            content = {}
            for name in (*_NAMES, *_TEST_NAMES, *_WEIGHTS.values(), "class_names"):
                if name in file:
                    images = None
                    if name in _IMAGES:
                        images = _read_images(file.zip, f"{name}.npy")
                    content[name] = file[name] if images is None else images
            return content
    except _DAMAGED as problem:
        if "allow_pickle" in str(problem) and name != "it":
            reason = "is an array of Python objects; save numbers or strings instead"
            raise RunError(f"{path}: {name} {reason}") from None
        raise RunError(
            f"{path}: {name} cannot be read, it is damaged or not an .npz file "
            f"({problem}); write it again with numpy.savez"
        ) from None


def _read_images(archive: zipfile.ZipFile, name: str) -> np.ndarray | None:
    """Reads an array of an .npz file into memory that TensorFlow can use.

    Returns:
        The array; None if only NumPy can read it.
    """
    readers = {
        (1, 0): npy.read_array_header_1_0,
        (2, 0): npy.read_array_header_2_0,
    }
    if name not in archive.namelist():
        return None
    with archive.open(name) as stream:
        reader = readers.get(npy.read_magic(stream))
        if reader is None:
            return None
        shape, is_fortran, dtype = reader(stream)
        if is_fortran or dtype.hasobject or not dtype.itemsize:
            return None
        images = memory.empty(shape, dtype)
        content = images.reshape(-1).view(np.uint8)
        for part in memory.slices(content):
            piece = stream.read(part.stop - part.start)
            content[part] = np.frombuffer(piece, np.uint8)
        # At the end of the stream, its checksum is compared.
        stream.read(1)
    return images


def checked_images(images: np.ndarray, name: str) -> np.ndarray:
    """Returns images as uint8 or float32 [N, height, width, channels]."""
    if images.dtype.kind not in "buif":
        raise RunError(f"{name} must be numbers, not {images.dtype}")
    if images.ndim == 3:
        images = images[..., np.newaxis]
    if images.dtype == np.uint8:
        return images
    # A number too large for float32 becomes infinite, which `Dataset` refuses.
    with np.errstate(over="ignore"):
        return images.astype(np.float32, copy=False)


def checked_labels(labels: np.ndarray, name: str, is_train: bool = False) -> np.ndarray:
    """Returns labels as int32: [N], from 0; or [N, K] of 0 and 1."""
    if labels.dtype.kind not in "buif":
        raise RunError(
            f"{name} must be integers, not {labels.dtype}; convert class names with "
            f"numpy.unique(names, return_inverse=True)"
        )
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim == 2:
        return _checked_matrix(labels, name, is_one_hot_refused=is_train)
    if labels.ndim != 1:
        raise RunError(
            f"{name} must be class numbers [N], not {labels.shape}; convert one-hot "
            "labels with labels.argmax(axis=1)"
        )
    # `np.mod` refuses bool. The remainder of NaN and infinity is NaN, which is not 0.
    numbers = labels.astype(np.uint8) if labels.dtype == bool else labels
    with np.errstate(invalid="ignore"):
        wrong = np.flatnonzero(np.mod(numbers, 1) != 0)
    if len(wrong):
        raise RunError(
            f"{name} must be integers, not {labels[wrong[0]]} (at index {wrong[0]})"
        )
    wrong = np.flatnonzero((labels < 0) | (labels > np.iinfo(np.int32).max))
    if len(wrong):
        raise RunError(
            f"{name} must be class numbers from 0, not {labels[wrong[0]]} (at index "
            f"{wrong[0]})"
        )
    return labels.astype(np.int32)


def _checked_matrix(
    labels: np.ndarray, name: str, is_one_hot_refused: bool
) -> np.ndarray:
    """Returns labels of 0 and 1 for each class as int32 [N, K].

    Of training images, labels of one each are taken for one-hot labels.
    """
    is_binary = np.isin(labels, (0, 1)).all(axis=1)
    if not is_binary.all():
        wrong = np.flatnonzero(~is_binary)[0]
        raise RunError(
            f"{name} of shape {labels.shape} must be 0 or 1 for each class, not "
            f"{labels[wrong]} (at index {wrong}); convert soft labels with "
            f"labels.argmax(axis=1)"
        )
    if is_one_hot_refused and len(labels) and (labels.sum(axis=1) == 1).all():
        raise RunError(
            f"{name} must be class numbers [N], not {labels.shape}; convert one-hot "
            f"labels with labels.argmax(axis=1)"
        )
    return labels.astype(np.int32)


def checked_weights(weights: np.ndarray | None, name: str) -> np.ndarray | None:
    """Returns weights as float32; `Dataset` checks their shape and values."""
    if weights is None:
        return None
    if weights.dtype.kind not in "buif":
        raise RunError(f"{name} must be numbers, not {weights.dtype}")
    if weights.ndim == 2 and weights.shape[1] == 1:
        weights = weights[:, 0]
    # A number too large for float32 becomes infinite, which `Dataset` refuses.
    with np.errstate(over="ignore"):
        return weights.astype(np.float32)


def class_names_of(
    names: np.ndarray | None, labels: np.ndarray, path: str
) -> tuple[str, ...]:
    """Returns the file's class names, or the labels as text if it has none."""
    if names is None and labels.ndim == 2:
        return tuple(str(label) for label in range(labels.shape[1]))
    if names is None:
        count = int(labels.max(initial=-1)) + 1
        # One stray label must not lead to a model with a million outputs.
        if count > len(labels):
            raise RunError(
                f"{path}: y_train has label {count - 1} but only {len(labels)} images; "
                "number the classes from 0, or add class_names to the file"
            )
        return tuple(str(label) for label in range(count))
    if names.ndim != 1 or names.dtype.kind not in "USui":
        raise RunError(
            f"{path}: class_names must be strings [K], not {names.dtype} {names.shape}"
        )
    if names.dtype.kind == "S":
        names = np.char.decode(names, "utf-8", "backslashreplace")
    return tuple(str(name) for name in names)
