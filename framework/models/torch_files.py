"""Reads weights from files of PyTorch, with the names and axes of Keras."""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from framework.models import torch_pickle
from framework.models.torch_pickle import Storage, Tensor
from framework.system import atomic

# The first value of a file of the format before PyTorch 1.6.
_MAGIC = 0x1950A86A20F9469CFC6C
_VERSION = 1001
# The first bytes of a zip file.
_ZIP = b"PK\x03\x04"
# Where programs keep the weights in a file that holds more.
_WEIGHTS = ("state_dict", "model_state_dict", "model")
_NAMES = {"running_mean": "moving_mean", "running_var": "moving_variance"}
# Returns the elements of a storage.
_Reader = Callable[[Storage], np.ndarray]


def read(path: Path) -> dict[str, np.ndarray]:
    """Reads the weights of a file of `torch.save`, as layer/weight with Keras's axes.

    Both formats are read: several pickles followed by raw storages, and since PyTorch
    1.6 a zip file. No code in them is executed; see `torch_pickle`.

    Args:
        path: A .pth or .pt file with a `state_dict`, alone or as the entry
            "state_dict", "model_state_dict" or "model".

    Raises:
        ValueError: The file contains code, is of another kind, or is damaged.
    """
    content = atomic.read_bytes(path)
    read_format = _zip_file if content.startswith(_ZIP) else _legacy_file
    tensors, reader = read_format(io.BytesIO(content))
    return keras_names({name: _array(each, reader) for name, each in tensors.items()})


def keras_names(values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Renames and transposes weights of PyTorch to the names and axes of Keras.

    >>> weights = {"_blocks.0._conv.weight": np.zeros((8, 3, 5, 5))}
    >>> {name: value.shape for name, value in keras_names(weights).items()}
    {'blocks_0_conv/kernel': (5, 5, 3, 8)}

    Args:
        values: Arrays by name. Weights of 4 axes are kernels of convolutions [out, in,
            height, width], of 2 axes those of dense layers [out, in], and of 1 axis the
            factors of a normalization.

    Raises:
        ValueError: Two of them have the same name in Keras.
    """
    new: dict[str, np.ndarray] = {}
    for name, value in values.items():
        layer, _, own = name.rpartition(".")
        is_norm = values.get(f"{layer}.weight", np.zeros((1, 1))).ndim == 1
        if own == "num_batches_tracked":
            continue
        if own == "weight":
            # From [out, in, ...] to [..., in, out].
            axes = (*range(2, value.ndim), 1, 0) if value.ndim > 1 else None
            value = value.transpose(axes)
            own = "gamma" if is_norm else "kernel"
        elif own == "bias" and is_norm:
            own = "beta"
        own = _NAMES.get(own, own)
        parts = [part.strip("_") for part in layer.split(".")]
        key = f"{'_'.join(parts)}/{own}" if layer else own
        if key in new:
            raise ValueError(f"two weights have the name {key}")
        new[key] = np.array(value, order="C")
    return new


def _zip_file(file: io.BytesIO) -> tuple[dict[str, Tensor], _Reader]:
    """Reads the format since PyTorch 1.6."""
    content = zipfile.ZipFile(file)
    pickles = [name for name in content.namelist() if name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise ValueError("it is not a file of torch.save")
    folder = pickles[0].removesuffix("data.pkl")
    if f"{folder}byteorder" in content.namelist():
        _require_little(content.read(f"{folder}byteorder") == b"little")
    saved = torch_pickle.load(io.BytesIO(content.read(pickles[0])))

    def read_storage(storage: Storage) -> np.ndarray:
        data = content.read(f"{folder}data/{storage.key}")
        return np.frombuffer(data, storage.dtype, storage.size)

    return _state(saved), read_storage


def _legacy_file(file: io.BytesIO) -> tuple[dict[str, Tensor], _Reader]:
    """Reads the format before PyTorch 1.6: five pickles, then the storages."""
    if torch_pickle.load(file) != _MAGIC or torch_pickle.load(file) != _VERSION:
        raise ValueError("it is not a file of torch.save")
    _require_little(torch_pickle.load(file)["little_endian"])
    tensors = _state(torch_pickle.load(file))
    storages = {each.storage.key: each.storage for each in tensors.values()}
    arrays: dict[str, np.ndarray] = {}
    for key in torch_pickle.load(file):
        if key not in storages:
            raise ValueError(f"the storage {key} is of no weight; save weights alone")
        storage = storages[key]
        count = int.from_bytes(file.read(8), "little")
        if count != storage.size:
            raise ValueError(
                f"the storage {key} has {count} elements, not {storage.size}"
            )
        data = file.read(count * storage.dtype.itemsize)
        arrays[key] = np.frombuffer(data, storage.dtype, count)
    return tensors, lambda storage: arrays[storage.key]


def _require_little(is_little: bool) -> None:
    if not is_little:
        raise ValueError("it was written by a big-endian machine")


def _state(saved: Any) -> dict[str, Tensor]:
    """Returns the tensors of a `state_dict`, or of a file that has one as an entry."""
    for key in _WEIGHTS:
        if isinstance(saved, dict) and isinstance(saved.get(key), dict):
            saved = saved[key]
    tensors = {
        name: value
        for name, value in (saved.items() if isinstance(saved, dict) else ())
        if isinstance(name, str) and isinstance(value, Tensor)
    }
    if not tensors:
        raise ValueError(f"it has no weights, alone or as {', '.join(_WEIGHTS)}")
    return tensors


def _array(tensor: Tensor, read_storage: _Reader) -> np.ndarray:
    """Returns the elements of a tensor in their shape."""
    shape, elements = tensor.shape, read_storage(tensor.storage)
    count = math.prod(shape)
    last = tensor.offset + sum(
        (size - 1) * stride for size, stride in zip(shape, tensor.strides, strict=True)
    )
    numbers = [*shape, *tensor.strides, tensor.offset]
    # The count is checked too: strides of 0 could repeat an element without end.
    is_within = not count or (last < len(elements) and count <= len(elements))
    if min(numbers) < 0 or not is_within:
        raise ValueError(f"a tensor of shape {shape} is not within its storage")
    if tensor.storage.is_bfloat16:
        elements = (elements.astype(np.uint32) << 16).view(np.float32)
    strides = [stride * elements.itemsize for stride in tensor.strides]
    return np.lib.stride_tricks.as_strided(
        elements[tensor.offset :], shape, strides, writeable=False
    )
