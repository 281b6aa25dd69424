"""Networks from .keras files."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np

from framework.errors import UsageError
from framework.models import by_name, names
from framework.system import atomic, paths

# Modules whose classes a file may name without trust=True: Keras's own, and registered
# layers of this framework.
_KERAS, _OURS = "keras", "whyflat>"
_MAX_CONFIG = 1 << 26
# The largest number in a Rescaling for pixels of 0 to 255 is 1 / 127.5.
_BYTE_SCALE = 0.05
# Images of the test for probabilities.
_PROBES = 4
_IF_TRUSTED = "if you trust whoever wrote it, write keras_file(..., trust=True)"


def keras_file(
    image_shape: tuple[int, int, int],
    num_classes: int,
    path: str,
    head: int = 0,
    trust: bool = False,
) -> keras.Model:
    """Loads a network and its weights from a .keras file.

    The last Dense layer is replaced if its number of units is not that of the classes.
    A softmax at the end is left out.

    Args:
        image_shape: Height, width and channels.
        num_classes: The number of classes.
        path: The file, as `model.save` writes it.
        head: The number of classes, to replace the last Dense layer in any case; 0 to
            replace it if its number of units differs.
        trust: Whether the file may contain Python code, such as Lambda layers.

    Returns:
        A model from images [B, height, width, channels] to logits [B, num_classes].

    Raises:
        UsageError: The file cannot be read, contains code, or does not fit the data.
    """
    # Imported late: they import TensorFlow.
    from keras.src.saving.serialization_lib import SafeModeScope

    from framework.models.convert import converted

    file = Path(paths.expand(path, "keras_file"))
    if head not in (0, num_classes):
        raise UsageError(
            f"keras_file: head={head}, but the data set has {num_classes} classes"
        )
    source = load(file, trust)
    check_shape(source, str(file), image_shape)
    try:
        with SafeModeScope(not trust):
            model = converted(source, image_shape, num_classes, bool(head))
    except UsageError as problem:
        raise UsageError(f"{file}: {problem}") from None
    _copy_weights(source, model, file)
    _require_logits(model, file, image_shape)
    return model


def _copy_weights(source: keras.Model, model: keras.Model, path: Path) -> None:
    """Sets the weights of a converted network to those of its source, but the head."""
    values: dict[str, np.ndarray] = {}
    for weight in names.weights(source):
        name = f"{weight.layer.name}/{weight.variable.name}"
        if name in values:
            raise UsageError(f"{path} has two layers of the name {weight.layer.name}")
        values[name] = weight.variable.numpy()
    for weight in names.weights(model):
        name = f"{weight.layer.name}/{weight.variable.name}"
        if name in values:
            weight.variable.assign(values[name])
        elif weight.variable.name == "updates":
            # The stored moments have the full weight of Keras's.
            weight.variable.assign(by_name.UPDATES)


def expected_pixels(path: Path) -> str:
    """Returns the `--normalize` spec that a network with its own scaling expects.

    Reads the file's first layers only: "raw" for pixels from 0 to 255, "unit" for 0 to
    1, or "" if the network does not begin with a scaling.

    Raises:
        UsageError: The file cannot be read.
    """
    for layer in _layers(_read_config(path)):
        config = layer.get("config") or {}
        if layer.get("class_name") == "InputLayer":
            continue
        if layer.get("class_name") == "Rescaling":
            is_bytes = bool(np.max(np.abs(config["scale"])) < _BYTE_SCALE)
            return "raw" if is_bytes else "unit"
        if layer.get("class_name") == "Normalization" and config.get("mean"):
            return "raw" if np.max(np.abs(config["mean"])) > 2 else "unit"
        return ""
    return ""


def _layers(config: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields the layers of a serialized network, in order, also of networks in it."""
    for layer in (config.get("config") or {}).get("layers") or []:
        if "layers" in (layer.get("config") or {}):
            yield from _layers(layer)
        else:
            yield layer


def _read_config(path: Path) -> dict[str, Any]:
    """Reads the description of a network from a .keras file."""
    if path.suffix != ".keras":
        raise UsageError(f"keras_file takes a .keras file, not {str(path)!r}")
    if not path.is_file():
        raise UsageError(f"keras_file: there is no file {path}")
    try:
        with atomic.reading(path) as file, zipfile.ZipFile(file) as content:
            entry = content.getinfo("config.json")
            if entry.file_size > _MAX_CONFIG:
                raise ValueError("config.json is larger than 64 MiB")
            config = json.loads(content.read(entry))
    # On arbitrary bytes zip and JSON raise almost any exception.
    except Exception as problem:
        raise UsageError(f"{path} is not a .keras file: {problem}") from None
    if not isinstance(config, dict):
        raise UsageError(f"{path} is not a .keras file: its config is no object")
    return config


def load(path: Path, trust: bool, advice: str = _IF_TRUSTED) -> keras.Model:
    """Loads a network as it is; executes no code of the file unless `trust` is set.

    Args:
        path: The file.
        trust: Whether the file may contain Python code.
        advice: What to do about a file that contains code, for the message.

    Raises:
        UsageError: The file cannot be read, contains code, or has several inputs or
            outputs.
    """
    # Imported late: it imports TensorFlow.
    from keras.src.models.functional import Functional

    # Imported for their registration with Keras.
    from framework.models import layers, pooled, relu

    del layers, pooled, relu
    config = _read_config(path)
    if not trust:
        refuse_code(config, path, (_KERAS,), advice)
    try:
        model = keras.saving.load_model(str(path), compile=False, safe_mode=not trust)
    except KeyboardInterrupt:
        raise
    except BaseException as problem:
        line = str(problem).strip().split("\n")[0]
        raise UsageError(f"{path} cannot be loaded by Keras: {line}") from problem
    if not isinstance(model, (keras.Sequential, Functional)):
        raise UsageError(
            f"{path} has a {type(model).__name__}; only functional and sequential "
            f"networks can be adapted: build it in a function, --model=module:function"
        )
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise UsageError(
            f"{path} has {len(model.inputs)} inputs and {len(model.outputs)} outputs; "
            f"it must have one of each"
        )
    return model


def refuse_code(
    node: Any, path: Path, modules: tuple[str, ...], remedy: str = "it is not loaded"
) -> None:
    """Checks that a serialized network names classes of known modules only.

    Args:
        node: The content of its JSON file, or a part of it.
        path: The file, for the message.
        modules: Top-level modules besides this framework's own layers.
        remedy: What to do, for the message.

    Raises:
        UsageError: It names code of others.
    """
    if isinstance(node, list):
        for each in node:
            refuse_code(each, path, modules, remedy)
    if not isinstance(node, dict):
        return
    name, module = node.get("class_name"), node.get("module")
    is_ours = str(node.get("registered_name", "")).startswith(_OURS)
    is_known = module in (None, "builtins") or str(module).split(".")[0] in modules
    if name in ("Lambda", "__lambda__") or not (is_known or is_ours):
        source = f" of {module}" if module and not is_known else ""
        raise UsageError(f"{path} contains code: {name}{source}; {remedy}")
    for each in node.values():
        refuse_code(each, path, modules, remedy)


def check_shape(
    model: keras.Model, source: str, image_shape: tuple[int, int, int]
) -> None:
    """Checks that a network takes images of a shape.

    Args:
        model: The network.
        source: Where it comes from, for the message.
        image_shape: Height, width and channels.

    Raises:
        UsageError: It takes others.
    """
    shape = model.inputs[0].shape[1:]
    fits = len(shape) == 3 and all(
        size in (None, actual) for size, actual in zip(shape, image_shape, strict=True)
    )
    if not fits:
        wanted = "x".join("any" if size is None else str(size) for size in shape)
        actual = "x".join(map(str, image_shape))
        raise UsageError(
            f"{source} takes images of {wanted}, and those of the data set are "
            f"{actual}; change the size or the channels of --dataset, as in "
            f"folder(..., size=160, channels=3)"
        )


def _require_logits(
    model: keras.Model, path: Path, image_shape: tuple[int, int, int]
) -> None:
    """Raises UsageError if the outputs are probabilities, whatever layer makes them."""
    generator = np.random.default_rng(0)
    images = generator.uniform(-1, 1, (_PROBES, *image_shape)).astype(np.float32)
    outputs = np.asarray(model(images, training=False), np.float32)
    is_one = np.abs(outputs.sum(axis=1) - 1) < 1e-3
    if outputs.shape[1] > 1 and np.all(is_one) and np.all(outputs >= 0):
        raise UsageError(
            f"{path} returns probabilities; save it without its softmax, or let its "
            f"head be replaced by keras_file(..., head={outputs.shape[1]})"
        )
