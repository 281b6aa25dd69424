"""Makes a network of Keras one of this framework: its layers, its head, its input."""

from __future__ import annotations

from typing import Any

import keras

from framework.errors import UsageError

HEAD = "head"
# Activations that turn logits into probabilities.
_PROBABILITIES = ("softmax", "sigmoid")


def converted(
    model: keras.Model, image_shape: tuple[int, int, int], num_classes: int, head: bool
) -> keras.Model:
    """Returns a copy of a network, with initial weights, from images to logits.

    Batch normalization and dropout become those of `framework.models.layers`, which do
    not depend on the number of devices. A softmax at the end is left out.

    Args:
        model: A functional or sequential network of one input and one output.
        image_shape: Height, width and channels.
        num_classes: The number of classes.
        head: Whether to replace the last Dense layer in any case. It is replaced too if
            it has another number of units.

    Raises:
        UsageError: The network ends in something else than a Dense layer.
    """
    inputs = keras.Input(image_shape)
    copy = keras.models.clone_model(
        model, input_tensors=inputs, clone_function=own_layer, recursive=True
    )
    features, last = _end(copy)
    if last is not None:
        _require_no_hidden_activation(last)
        if last.units == num_classes and not head:
            last.activation = keras.activations.linear
            return keras.Model(inputs, last.output, name=model.name)
    if len(features.shape) == 4:
        features = keras.layers.GlobalAveragePooling2D()(features)
    if len(features.shape) != 2:
        raise UsageError(
            f"the network must end in a Dense layer, in features [B, F] or in feature "
            f"maps [B, height, width, F], not in {tuple(features.shape)}"
        )
    logits = keras.layers.Dense(num_classes, name=HEAD, dtype="float32")(features)
    return keras.Model(inputs, logits, name=model.name)


def _end(
    model: keras.Model,
) -> tuple[keras.KerasTensor, keras.layers.Dense | None]:
    """Returns the input of the last Dense layer and that layer.

    Without a Dense layer at the end, returns the output and None.
    """
    layers = list(model.layers)
    while layers and _is_probabilities(layers[-1]):
        layers.pop()
    if layers and type(layers[-1]) is keras.layers.Dense:
        return layers[-1].input, layers[-1]
    if len(layers) < len(model.layers) or _has_no_features(layers[-1:]):
        raise UsageError(
            f"the network ends in {layers[-1].name}, a {type(layers[-1]).__name__} "
            f"layer, not in a Dense layer; save it without its last layers"
        )
    return model.outputs[0], None


def _has_no_features(last: list[keras.layers.Layer]) -> bool:
    # A network inside ends in its own head, which cannot be seen from here.
    return any(
        isinstance(layer, keras.Model)
        and len(layer.layers) > 0
        and type(layer.layers[-1]) in (keras.layers.Dense, keras.layers.Softmax)
        for layer in last
    )


def _is_probabilities(layer: keras.layers.Layer) -> bool:
    if isinstance(layer, keras.layers.Softmax):
        return True
    return isinstance(layer, keras.layers.Activation) and (
        _activation_name(layer) in _PROBABILITIES
    )


def _activation_name(layer: keras.layers.Layer) -> str:
    return getattr(getattr(layer, "activation", None), "__name__", "")


def _require_no_hidden_activation(dense: keras.layers.Dense) -> None:
    name = _activation_name(dense)
    if name not in (*_PROBABILITIES, "linear"):
        raise UsageError(
            f"the last Dense layer, {dense.name}, has the activation {name}, so it "
            f"gives no logits; save the network with a linear or softmax end"
        )


def own_layer(layer: keras.layers.Layer) -> keras.layers.Layer:
    """Returns an unbuilt copy of a layer, of this framework's class if it has one."""
    # Imported late: they define Keras layers, which imports TensorFlow.
    from framework.models.layers import BatchNorm, Dropout
    from framework.models.swish import Swish

    config: dict[str, Any] = layer.get_config()
    # What the file says is float32; the run's precision decides, but for logits.
    policy = keras.config.dtype_policy().name
    if policy != "float32" and layer.dtype_policy.name == "float32":
        config["dtype"] = policy
    if type(layer) is keras.layers.BatchNormalization:
        return BatchNorm.from_config({**config, "synchronized": True})
    if type(layer) is keras.layers.Dropout and layer.noise_shape is None:
        kept = {name: config[name] for name in ("name", "dtype", "rate")}
        return Dropout.from_config(kept)
    if type(layer) is keras.layers.Activation and _activation_name(layer) == "silu":
        return Swish.from_config(config)
    return type(layer).from_config(config)
