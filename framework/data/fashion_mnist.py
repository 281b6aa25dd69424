"""Fashion-MNIST: 70,000 images of clothes (Xiao, Rasul & Vollgraf, 2017)."""

from __future__ import annotations

import gzip
import math
import pathlib
import zlib

import numpy as np

from framework.data import memory
from framework.data.dataset import Dataset
from framework.data.split import Split
from framework.errors import RunError, UsageError
from framework.system import atomic, paths

_CLASS_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
# The idx format's first two bytes are 0, then 8 for uint8, then the number of axes.
_UINT8 = 8
_FILES = {
    "train-images-idx3-ubyte": 3,
    "train-labels-idx1-ubyte": 1,
    "t10k-images-idx3-ubyte": 3,
    "t10k-labels-idx1-ubyte": 1,
}


def fashion_mnist(path: str = "/usr/share/datasets/fashion-mnist") -> Dataset:
    """Reads Fashion-MNIST; its test images are used for validation.

    Images are uint8 [60000, 28, 28, 1] and [10000, 28, 28, 1].

    Args:
        path: The folder of the four idx files, gzipped or not; by default where Debian
            and Ubuntu install them.

    Raises:
        UsageError: The files do not exist.
        RunError: A file is damaged.
    """
    root = pathlib.Path(paths.expand(path, "path"))
    files = {name: _find(root, name) for name in _FILES}
    missing = [name for name, file in files.items() if file is None]
    if missing:
        raise UsageError(
            f"Fashion-MNIST is not in {str(path)!r} (no {missing[0]}.gz): run apt-get "
            "install dataset-fashion-mnist, or download the four .gz files of "
            "https://github.com/zalandoresearch/fashion-mnist (data/fashion) into a "
            "folder and pass its path"
        )
    train_images, train_labels, test_images, test_labels = (
        _read_idx(file, _FILES[name]) for name, file in files.items() if file
    )
    train = Split(train_images[..., np.newaxis], train_labels.astype(np.int32))
    test = Split(test_images[..., np.newaxis], test_labels.astype(np.int32))
    return Dataset("fashion_mnist", train, test, _CLASS_NAMES)


def _find(root: pathlib.Path, name: str) -> pathlib.Path | None:
    candidates = (root / f"{name}.gz", root / name)
    return next((file for file in candidates if file.is_file()), None)


def _read_idx(file: pathlib.Path, axes: int) -> np.ndarray:
    """Returns the uint8 array of an idx file.

    Args:
        file: The file, gzipped or not.
        axes: The number of axes that the array must have.

    Raises:
        RunError: The file is damaged or of another format.
    """
    try:
        content = atomic.read_bytes(file)
        if file.suffix == ".gz":
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as problem:
        message = f"{file} cannot be read ({problem}); download it again"
        raise RunError(message) from None
    magic, expected = content[:4], bytes((0, 0, _UINT8, axes))
    if magic != expected:
        raise RunError(
            f"{file} begins with {magic.hex()}, not {expected.hex()}: it is not an idx "
            f"file of {axes} axes; download it again"
        )
    start = 4 + 4 * axes
    sizes = content[4:start].ljust(4 * axes, b"\0")
    shape = tuple(int(size) for size in np.frombuffer(sizes, ">u4"))
    if len(content) - start != math.prod(shape):
        raise RunError(
            f"{file} should hold {math.prod(shape)} values, {shape}, but has "
            f"{max(len(content) - start, 0)}; download it again"
        )
    return memory.usable(np.frombuffer(content, np.uint8, offset=start).reshape(shape))
