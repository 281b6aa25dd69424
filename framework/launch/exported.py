"""Writes networks for other programs, and checks what these read."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import (
    convert_variables_to_constants_v2,
)

from framework.errors import RunError
from framework.launch.trained import Trained
from framework.system import atomic, quiet

# Images of the comparison.
IMAGES = 100
# Rounding differs between kernels; a wrong network differs by far more.
_TOLERANCE = 1e-3
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


def write_litert(trained: Trained, path: Path) -> None:
    """Writes a LiteRT file (.tflite), complete or not at all.

    It maps float32 images, [N, height, width, C], as in training, to probabilities,
    float32 [N, K].

    Args:
        trained: The network.
        path: The file; its folder must exist.

    Raises:
        RunError: The network has operations that LiteRT lacks.
    """
    spec = tf.TensorSpec((None, *trained.image_shape), tf.float32, "images")

    @tf.function(autograph=False, input_signature=[spec])
    def serve(images: tf.Tensor) -> tf.Tensor:
        logits = trained.model(trained.normalize(images), training=False)
        return tf.nn.softmax(tf.cast(logits, tf.float32))

    # LiteRT gives NaN for variables of Keras 3, so they become constants.
    frozen = convert_variables_to_constants_v2(serve.get_concrete_function())
    with quiet.suppressed_stderr():
        converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen])
        try:
            content = converter.convert()
        except Exception as problem:
            raise RunError(
                f"LiteRT cannot express this network: {str(problem).splitlines()[0]}; "
                f"export it with --to=savedmodel"
            ) from problem
    atomic.write_bytes(path, content)


def compare(trained: Trained, path: Path, kind: str) -> float:
    """Loads an exported network in a fresh process, and compares probabilities.

    Args:
        trained: The network that was exported.
        path: What was written.
        kind: "savedmodel" or "litert".

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
