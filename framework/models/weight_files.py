"""Reads weights by name: of Keras, NumPy, safetensors, PyTorch and SavedModels."""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np

from framework.errors import RunError, UsageError
from framework.models import names, saved_model, torch_files
from framework.system import archive, atomic

Values = dict[str, np.ndarray]

# The weights in a .keras file, a zip file.
_KERAS_WEIGHTS = "model.weights.h5"
# Types of safetensors that NumPy has. bfloat16 is the upper half of a float32.
_TYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "<i1",
    "U8": "<u1",
    "BOOL": "?",
}


def read(path: Path) -> Values:
    """Reads the arrays of a file by name.

    The names are layer/weight or, in files of Keras, layer/index. Layers that Keras has
    named are numbered from 0 on; see `framework.models.names`.

    Args:
        path: A .keras, .weights.h5, .h5, .npz, .safetensors, .pth or .pt file, or the
            folder of a SavedModel.

    Raises:
        UsageError: The file is missing, or of another kind.
        RunError: It is damaged.
    """
    if saved_model.is_saved_model(path):
        return _renumbered(saved_model.read(path))
    reader = _READERS.get(path.suffix)
    if reader is None:
        known = ", ".join(sorted(_READERS))
        raise UsageError(
            f"{path} must be one of {known}, or the folder of a run or a SavedModel"
        )
    if not path.is_file():
        raise UsageError(f"there is no file {path}")
    try:
        values = reader(path)
    except RunError:
        raise
    # On arbitrary bytes the readers of zip and HDF5 raise almost any exception.
    except Exception as problem:
        raise RunError(f"{path} cannot be read: {problem}") from None
    return _renumbered(values)


def is_channels_first(path: Path) -> bool:
    """Returns whether a file is of PyTorch, which flattens channels first.

    >>> is_channels_first(Path("a.pth")), is_channels_first(Path("a.npz"))
    (True, False)
    """
    return _READERS.get(path.suffix) is torch_files.read


def _renumbered(values: Values) -> Values:
    layers = sorted({name.rpartition("/")[0] for name in values})
    new = dict(zip(layers, names.numbered(layers), strict=True))
    parts = {name: name.rpartition("/") for name in values}
    return {
        f"{new[layer]}/{own}" if layer else own: values[name]
        for name, (layer, _, own) in parts.items()
    }


def _read_keras(path: Path) -> Values:
    with atomic.reading(path) as file, zipfile.ZipFile(file) as content:
        return _read_h5(io.BytesIO(content.read(_KERAS_WEIGHTS)))


def _read_npz(path: Path) -> Values:
    values = archive.read(path, plain=True)
    return {name.removesuffix(":0"): value for name, value in values.items()}


def _read_h5(file: Path | IO[bytes]) -> Values:
    """Reads a file of Keras 3, or of earlier versions and `keras.applications`."""
    # Imported late: few runs need it.
    import h5py

    groups: list[Any] = []
    datasets: dict[str, Any] = {}

    def collect(name: str, item: Any) -> None:
        # Does not follow links. Others are stored in other files.
        if isinstance(item, h5py.Group):
            groups.append(item)
        elif not item.is_virtual and not item.external:
            datasets[f"/{name}"] = item

    with h5py.File(file, "r") as content:
        content.visititems(collect)
        values: Values = {}
        for group in groups:
            names_of = group.attrs.get("weight_names")
            if names_of is not None:
                values |= _legacy_layer(group, names_of, datasets)
            elif group.name.endswith("/vars") and "/optimizer/" not in group.name:
                own = group.attrs.get("name", group.name.split("/")[-2])
                layer = own.decode() if isinstance(own, bytes) else str(own)
                for index in group:
                    dataset = datasets.get(f"{group.name}/{index}")
                    if dataset is not None:
                        values[f"{layer}/{index}"] = dataset[()]
    return values


def _legacy_layer(group: Any, names_of: Any, datasets: dict[str, Any]) -> Values:
    """Returns the weights of a layer, or of a network that was a layer."""
    values: Values = {}
    layer = group.name.split("/")[-1]
    for index, given in enumerate(names_of):
        name = given.decode() if isinstance(given, bytes) else str(given)
        dataset = datasets.get(f"{group.name}/{name}")
        if dataset is None:
            continue
        *owners, own = name.removesuffix(":0").split("/")
        key = f"{owners[-1]}/{own}" if owners else f"{layer}/{index}"
        values[key] = dataset[()]
    return values


def _read_safetensors(path: Path) -> Values:
    """Reads the format of https://github.com/huggingface/safetensors."""
    content = atomic.read_bytes(path)
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    values: Values = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        start, stop = entry["data_offsets"]
        shape = [int(size) for size in entry["shape"]]
        dtype = np.dtype(_TYPES[entry["dtype"]])
        if not 0 <= start <= stop <= len(content) - end or min([*shape, 0]) < 0:
            raise ValueError(f"{name} is not within the file")
        if stop - start != math.prod(shape) * dtype.itemsize:
            raise ValueError(f"{name} has another size than its shape {shape}")
        value = np.frombuffer(content[end + start : end + stop], dtype).reshape(shape)
        if entry["dtype"] == "BF16":
            value = (value.astype(np.uint32) << 16).view(np.float32)
        key = name.removesuffix(":0")
        values[key if "/" in key else key.replace(".", "/")] = value
    return values


_READERS: dict[str, Callable[[Path], Values]] = {
    ".keras": _read_keras,
    ".h5": _read_h5,
    ".npz": _read_npz,
    ".safetensors": _read_safetensors,
    ".pt": torch_files.read,
    ".pth": torch_files.read,
}
