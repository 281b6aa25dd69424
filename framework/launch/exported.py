"""Writes networks for other programs, and checks what these read."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import (
    convert_variables_to_constants_v2,
)

from framework.errors import RunError, UsageError
from framework.launch.export import probabilities
from framework.launch.trained import Trained
from framework.models.plain import plain
from framework.system import atomic, quiet

# Images of the comparison.
IMAGES = 100
# Rounding differs between kernels; a wrong network differs by far more.
_TOLERANCE = 1e-3
# Of 2022; known to all programs in use.
_OPSET = 17
# Needs nothing of this package: so it is checked that others need nothing either.
_READER = """
import json, sys
import numpy as np
import tensorflow as tf

path, kind, source, target = json.loads(sys.argv[1])
images = np.load(source)
if kind == "savedmodel":
    serve = tf.saved_model.load(path).signatures["serving_default"]
    result = serve(images=tf.constant(images, tf.float32))["probabilities"].numpy()
elif kind == "keras":
    import keras
    result = keras.models.load_model(path).predict(images.astype(np.float32), verbose=0)
elif kind == "onnx":
    import onnxruntime
    session = onnxruntime.InferenceSession(path)
    result = session.run(None, {"images": images.astype(np.float32)})[0]
else:
    reader = tf.lite.Interpreter(path)
    entry, exit_ = reader.get_input_details()[0], reader.get_output_details()[0]
    reader.resize_tensor_input(entry["index"], images.shape)
    reader.allocate_tensors()
    reader.set_tensor(entry["index"], images.astype(np.float32))
    reader.invoke()
    result = reader.get_tensor(exit_["index"])
np.save(target, result)
"""


def write(trained: Trained, path: Path, kind: str) -> None:
    """Writes a network, complete or not at all.

    It maps float32 images, [N, height, width, C], as in training, to probabilities,
    float32 [N, K].

    Args:
        trained: The network.
        path: The file, or the folder of a SavedModel; a file's folder must exist.
        kind: One of `KINDS`.

    Raises:
        UsageError: A library is missing, or the format cannot have this network.
        RunError: The network has operations that the format lacks.
    """
    if kind != "keras":
        trained = _portable(trained)
    KINDS[kind](trained, path)


def _portable(trained: Trained) -> Trained:
    """Returns the network in layers of Keras, if it has such a form.

    Layers of this package need XLA, which servers may lack, and operations that LiteRT
    lacks.
    """
    with contextlib.suppress(UsageError):
        return dataclasses.replace(trained, model=plain(trained.model))
    return trained


def _write_savedmodel(trained: Trained, path: Path) -> None:
    trained.export(path)


def _write_keras(trained: Trained, path: Path) -> None:
    """Writes a .keras file of Keras's own layers, which includes the normalization."""
    if path.suffix != ".keras":
        raise UsageError(f"a file of Keras must end in .keras, not {path.name}")
    inputs = outputs = keras.Input(trained.image_shape, name="images")
    for layer in [*trained.normalize.keras_layers(), plain(trained.model)]:
        outputs = layer(outputs)
    options = {"dtype": "float32", "name": "probabilities"}
    if trained.several_labels:
        head = keras.layers.Activation("sigmoid", **options)
    else:
        head = keras.layers.Softmax(**options)
    model = keras.Model(inputs, head(outputs))
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch, "network.keras")
        model.save(file)
        atomic.write_bytes(path, file.read_bytes())


def _write_onnx(trained: Trained, path: Path) -> None:
    try:
        import onnxruntime  # noqa: F401
        import tf2onnx
    except ImportError as problem:
        raise UsageError(
            f"--to=onnx needs {problem.name}: pip install 'whyflat[onnx]'"
        ) from None
    function, spec = _serving(trained)
    with quiet.suppressed_stderr():
        try:
            network, _ = tf2onnx.convert.from_function(function, [spec], opset=_OPSET)
        except Exception as problem:
            raise _inexpressible("ONNX", problem) from problem
    atomic.write_bytes(path, network.SerializeToString())


def _write_litert(trained: Trained, path: Path) -> None:
    function, _ = _serving(trained)
    # LiteRT gives NaN for variables of Keras 3, so they become constants.
    frozen = convert_variables_to_constants_v2(function.get_concrete_function())
    with quiet.suppressed_stderr():
        converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen])
        try:
            content = converter.convert()
        except Exception as problem:
            raise _inexpressible("LiteRT", problem) from problem
    atomic.write_bytes(path, content)


def _serving(trained: Trained) -> tuple[Any, tf.TensorSpec]:
    """Returns a compiled function from images to probabilities, and its signature."""
    spec = tf.TensorSpec((None, *trained.image_shape), tf.float32, "images")

    @tf.function(autograph=False, input_signature=[spec])
    def serve(images: tf.Tensor) -> dict[str, tf.Tensor]:
        logits = trained.model(trained.normalize(images), training=False)
        return {"probabilities": probabilities(logits, trained.several_labels)}

    return serve, spec


def _inexpressible(name: str, problem: Exception) -> RunError:
    reason = (str(problem).splitlines() or [type(problem).__name__])[0]
    return RunError(
        f"{name} cannot express this network: {reason}; export it with --to=savedmodel"
    )


# The formats, and what writes them.
KINDS: dict[str, Callable[[Trained, Path], None]] = {
    "savedmodel": _write_savedmodel,
    "keras": _write_keras,
    "litert": _write_litert,
    "onnx": _write_onnx,
}


def compare(trained: Trained, path: Path, kind: str) -> float:
    """Loads an exported network in a fresh process, and compares probabilities.

    Args:
        trained: The network that was exported.
        path: What was written.
        kind: One of `KINDS`.

    Returns:
        The largest difference on random images.

    Raises:
        RunError: It cannot be read there, or gives other probabilities.
    """
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (IMAGES, *trained.image_shape), np.uint8)
    if trained.dtype != np.uint8:
        images = (images / 255).astype(trained.dtype)
    with tempfile.TemporaryDirectory() as scratch:
        source, target = f"{scratch}/images.npy", f"{scratch}/probabilities.npy"
        np.save(source, images)
        arguments = json.dumps([str(path.absolute()), kind, source, target])
        done = subprocess.run(
            [sys.executable, "-c", _READER, arguments],
            capture_output=True,
            text=True,
            cwd=scratch,
        )
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise RunError(f"{path} cannot be read in a fresh process: {reason}")
        result = np.load(target)
    difference = float(np.abs(result - trained.predict(images)).max())
    if not difference <= _TOLERANCE:
        raise RunError(
            f"{path} gives probabilities that differ by {difference:.2g} from those of "
            f"the run; do not use it"
        )
    return difference
