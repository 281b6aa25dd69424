"""The only module that edits a Keras model; every edit is undone."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np

from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import NotApplicableError
from framework.diagnose.programs.model_layers import leaves, with_weights
from framework.diagnose.programs.variables import restoring

# Units of a layer for a model that has none.
_HIDDEN = 64
# Each kernel has a seed of its own, and no model has more kernels.
_SEEDS_APART = 10_000


@contextlib.contextmanager
def changed(model: keras.Model, intervention: Intervention) -> Iterator[keras.Model]:
    """Applies an intervention to the layers of a model, and undoes it on leaving.

    Weights that are drawn anew stay so. Functions that were traced before keep the old
    settings.

    Args:
        model: To be changed.
        intervention: What is different; fields not about layers are left to others.

    Yields:
        The model to train: the same one, or another one that shares its layers.

    Raises:
        NotApplicableError: It has no layers to change so.
    """
    before: list[tuple[Any, str, Any]] = []

    def put(owner: Any, name: str, value: Any) -> None:
        before.append((owner, name, getattr(owner, name)))
        setattr(owner, name, value)

    try:
        if intervention.width_factor != 1.0:
            model = wider(model, intervention.width_factor)
        if intervention.augment == "":
            for layer in randomizing(model):
                before.append((layer, "call", layer.call))
                vars(layer)["call"] = _unchanged
        if intervention.dropout is not None:
            model = _with_dropout(model, intervention.dropout, put)
        if intervention.activation:
            _set_activations(model, intervention.activation, put)
        if intervention.weight_decay is not None:
            _set_penalties(model, intervention.weight_decay, put)
        if intervention.unfreeze:
            # Whoever sets a model's sets that of its layers: those come first.
            layers = [*model._flatten_layers()]
            if all(layer.trainable for layer in layers):
                raise NotApplicableError("all layers are trained already")
            for layer in reversed(layers):
                put(layer, "trainable", True)
        if intervention.reinitialize:
            initialize(model, _SEEDS_APART * intervention.seed)
        if intervention.consistent_loss:
            model = _to_logits(model, put)
        yield model
    finally:
        for owner, name, value in reversed(before):
            if name == "call":
                vars(owner).pop(name)
            else:
                setattr(owner, name, value)


def dependent_kernels(
    model: keras.Model,
    predict: Callable[[np.ndarray], np.ndarray],
    images: np.ndarray,
    names: Sequence[str],
) -> list[str]:
    """Returns the kernels on which outputs depend, tested by changing their sign.

    Args:
        model: Whose kernels they are.
        predict: Returns the outputs of the model.
        images: To predict.
        names: Paths of the kernels to try.
    """
    weights = {weight.path: weight for weight in model.weights}
    before, dependent = predict(images), []
    for name in names:
        with restoring([weights[name]]):
            weights[name].assign(-weights[name].numpy())
            if not np.array_equal(before, predict(images)):
                dependent.append(name)
    return dependent


def randomizing(model: keras.Model) -> list[keras.layers.Layer]:
    """Returns the layers that change images at random while training."""
    return [
        layer
        for layer in leaves(model)
        if type(layer).__name__.startswith(("Random", "Gaussian"))
    ]


def _unchanged(inputs: Any, *_: Any, **__: Any) -> Any:
    return inputs


def initialize(model: keras.Model, seed: int = 0) -> None:
    """Draws kernels by He et al. (2015), the last by Glorot; biases become 0."""
    layers = with_weights(model)
    for place, layer in enumerate(layers):
        last = place == len(layers) - 1
        kind = keras.initializers.GlorotUniform if last else keras.initializers.HeNormal
        kernel = layer.kernel
        kernel.assign(kind(seed=seed + place)(tuple(kernel.shape), dtype="float32"))
        if getattr(layer, "bias", None) is not None:
            layer.bias.assign(np.zeros(layer.bias.shape, np.float32))


def wider(model: keras.Model, factor: float) -> keras.Model:
    """Returns a copy of a model with a multiple of the hidden units and filters.

    Raises:
        NotApplicableError: Keras cannot copy it.
    """
    layers = with_weights(model)
    if len(layers) == 1:
        return _deeper(model, layers[0])
    last = layers[-1].name if layers else ""

    def copy(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config()
        for name in ("units", "filters"):
            if name in config and layer.name != last:
                config[name] = max(round(config[name] * factor), 1)
        return type(layer).from_config(config)

    try:
        return keras.models.clone_model(model, clone_function=copy)
    except Exception as problem:
        raise NotApplicableError(f"the model cannot be copied: {problem}") from None


def _deeper(model: keras.Model, only: keras.layers.Layer) -> keras.Model:
    """Returns a model of one layer with another one before it."""
    others = leaves(model)
    plain = isinstance(model, keras.Sequential) and isinstance(only, keras.layers.Dense)
    if not plain or any(layer.weights for layer in others if layer is not only):
        raise NotApplicableError("there is no hidden layer")
    place = others.index(only)
    copies = [type(layer).from_config(layer.get_config()) for layer in others]
    return keras.Sequential(
        [
            keras.Input(model.input_shape[1:]),
            *copies[:place],
            keras.layers.Flatten(),
            keras.layers.Dense(_HIDDEN, activation="relu"),
            *copies[place:],
        ]
    )


def _with_dropout(
    model: keras.Model, rate: float, put: Callable[..., None]
) -> keras.Model:
    """Sets the rate of all dropouts; where there are none, one comes before the end."""
    if not rate or any("ropout" in type(layer).__name__ for layer in leaves(model)):
        _set_rates(model, rate, put)
        return model
    plain = type(model).train_step is keras.Model.train_step
    last = model.layers[-1]
    if not plain or last not in with_weights(model)[-1:]:
        raise NotApplicableError("there is no place for dropout")
    try:
        features = keras.layers.Dropout(rate)(last.input)
        return keras.Model(model.inputs, last(features))
    except (AttributeError, ValueError) as problem:
        raise NotApplicableError(f"there is no place for dropout: {problem}") from None


def _set_rates(model: keras.Model, rate: float, put: Callable[..., None]) -> None:
    for layer in leaves(model):
        if "ropout" not in type(layer).__name__ or not hasattr(layer, "rate"):
            continue
        put(layer, "rate", rate)
        if isinstance(layer, keras.layers.Dropout) and not hasattr(
            layer, "seed_generator"
        ):
            # A layer with rate 0 has no seed generator, and Keras adds none to a built
            # layer.
            vars(layer)["seed_generator"] = keras.random.SeedGenerator(0)


def _set_activations(model: keras.Model, name: str, put: Callable[..., None]) -> None:
    """Sets the activations of all hidden layers that have one."""
    layers = leaves(model)
    last = with_weights(model)[-1:]
    for layer in layers:
        if isinstance(layer, (keras.layers.ReLU, keras.layers.LeakyReLU)):
            put(layer, "negative_slope", 0.1 if name == "leaky_relu" else 0.0)
        activation = getattr(layer, "activation", None)
        if activation is None or layer in last or layer is layers[-1]:
            continue
        if isinstance(layer, keras.layers.Activation) or (
            activation is not keras.activations.linear
        ):
            put(layer, "activation", keras.activations.get(name))


def _set_penalties(
    model: keras.Model, strength: float, put: Callable[..., None]
) -> None:
    for layer in leaves(model):
        for name in ("kernel", "bias", "gamma", "beta"):
            weight = getattr(layer, name, None)
            if isinstance(weight, keras.Variable) and (
                weight.regularizer is not None or (strength and name == "kernel")
            ):
                penalty = keras.regularizers.L2(strength) if strength else None
                put(weight, "regularizer", penalty)
        if getattr(layer, "activity_regularizer", None) is not None:
            put(layer, "activity_regularizer", None)


def _to_logits(model: keras.Model, put: Callable[..., None]) -> keras.Model:
    """Removes the last activation, or several, so that outputs are logits."""
    last = leaves(model)[-1]
    squashes = getattr(last, "activation", None)
    if isinstance(last, keras.layers.Softmax):
        try:
            return _to_logits(keras.Model(model.inputs[0], last.input), put)
        except (AttributeError, TypeError, ValueError) as problem:
            raise NotApplicableError(
                f"its last layer cannot be removed: {problem}"
            ) from None
    if squashes is not None and squashes is not keras.activations.linear:
        put(last, "activation", keras.activations.linear)
    return model
