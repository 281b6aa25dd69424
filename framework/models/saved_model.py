"""Reads weights by name from the folder of a SavedModel, whose graph is not loaded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from framework.errors import RunError, UsageError

_PROGRAM, _VARIABLES = "saved_model.pb", "variables/variables"
_OBJECTS = "_CHECKPOINTABLE_OBJECT_GRAPH"
_SUFFIX = "/.ATTRIBUTES/VARIABLE_VALUE"
# Variables that are no weights: the optimizer's and the metrics'.
_OTHERS = ("optimizer/", "keras_api/metrics/", "_optimizer/")


def is_saved_model(path: Path) -> bool:
    """Returns whether a folder is a SavedModel."""
    return (path / _PROGRAM).is_file()


def read(path: Path) -> dict[str, np.ndarray]:
    """Reads the variables of a SavedModel.

    The names are the last two parts of what the variables were called, layer/weight; of
    two variables with the same, the whole names. Variables of the optimizer and of
    metrics are left out. Old SavedModels, without a record of objects, have the names
    of their graph.

    Args:
        path: A folder of `keras.Model.export`, `tf.saved_model.save` or `model.save` of
            Keras 2.

    Raises:
        UsageError: It has no variables.
        RunError: They are damaged.
    """
    if not (path / f"{_VARIABLES}.index").is_file():
        raise UsageError(f"the SavedModel {path} has no file {_VARIABLES}.index")
    try:
        reader = tf.train.load_checkpoint(str(path / _VARIABLES))
        values = {name: _array(reader, key) for name, key in _named(reader).items()}
    # On arbitrary bytes the reader raises almost any exception.
    except Exception as problem:
        line = str(problem).strip().split("\n")[0]
        raise RunError(f"{path} cannot be read: {line}") from None
    return {name: each for name, each in values.items() if each.dtype.kind in "biuf"}


def _named(reader: Any) -> dict[str, str]:
    """Returns the keys of a checkpoint by the names of the weights."""
    keys = reader.get_variable_to_shape_map()
    if _OBJECTS not in keys:
        return {key: key for key in sorted(keys)}
    named: dict[str, str] = {}
    for full, key in _variables(reader):
        short = "/".join(full.split("/")[-2:])
        same = named.get(short)
        if same is None:
            named[short] = key
        # Keras lists some variables twice.
        elif not np.array_equal(reader.get_tensor(same), reader.get_tensor(key)):
            named[full if full not in named else key.removesuffix(_SUFFIX)] = key
    return named


def _variables(reader: Any) -> Iterator[tuple[str, str]]:
    """Yields the names and keys of the variables, but for the optimizer's."""
    # Imported late: few runs need it.
    from tensorflow.core.protobuf.trackable_object_graph_pb2 import TrackableObjectGraph

    graph = TrackableObjectGraph.FromString(reader.get_tensor(_OBJECTS))
    for node in graph.nodes:
        for each in node.attributes:
            key = each.checkpoint_key
            if key.endswith(_SUFFIX) and not key.startswith(_OTHERS):
                yield each.full_name or key.removesuffix(_SUFFIX), key


def _array(reader: Any, key: str) -> np.ndarray:
    """Reads a variable; bfloat16, which archives lack, as float32."""
    value = np.asarray(reader.get_tensor(key))
    return value.astype(np.float32) if value.dtype.kind == "V" else value
