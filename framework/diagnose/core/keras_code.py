"""Interventions as lines of Python for a program that trains with Keras."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from framework.diagnose.core.settings import TrainingSettings

if TYPE_CHECKING:
    from framework.diagnose.core.intervention import Intervention

Lines = tuple[str, ...]
_COMPILE = "model.compile(model.optimizer, model.loss, metrics=['accuracy'])"
_KERNELS = "[layer for layer in model.layers if hasattr(layer, 'kernel')]"


def lines(intervention: Intervention, settings: TrainingSettings) -> Lines:
    """Returns the lines for all that an intervention changes."""
    return tuple(
        line
        for name, value in intervention.differences().items()
        for line in _WRITERS[name](value, settings)
    )


def _learning_rate(factor: float, settings: TrainingSettings) -> Lines:
    rate = float(f"{settings.learning_rate * factor:.8g}")
    return (f"model.optimizer.learning_rate = {rate:g}",)


def _constant_rate(rate: float, settings: TrainingSettings) -> Lines:
    del settings
    return (f"model.optimizer.learning_rate = {rate:g}  # no schedule",)


def _batch_size(factor: float, settings: TrainingSettings) -> Lines:
    size = max(round(settings.batch_size * factor), 1)
    return (f"model.fit(x_train, y_train, batch_size={size})",)


def _standardize(value: bool, settings: TrainingSettings) -> Lines:
    del value, settings
    return (
        "axes = tuple(range(x_train.ndim - 1))",
        "mean, std = x_train.mean(axes), x_train.std(axes)",
        "x_train, x_validation = (x_train - mean) / std, (x_validation - mean) / std",
    )


def _loss(value: bool, settings: TrainingSettings) -> Lines:
    del value, settings
    return (
        "model.layers[-1].activation = keras.activations.linear",
        "loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)",
        "model.compile(model.optimizer, loss, metrics=['accuracy'])",
    )


def _reinitialize(value: bool, settings: TrainingSettings) -> Lines:
    del value, settings
    return (
        f"for layer in {_KERNELS}:",
        "    he_normal = keras.initializers.HeNormal()",
        "    layer.kernel.assign(he_normal(layer.kernel.shape))",
        "    layer.bias.assign(0 * layer.bias)",
    )


def _activation(name: str, settings: TrainingSettings) -> Lines:
    del settings
    return (
        f"for layer in {_KERNELS}[:-1]:",
        f"    layer.activation = keras.activations.{name}",
    )


def _width(factor: float, settings: TrainingSettings) -> Lines:
    del settings
    return (
        f"width = {factor:g}  # multiplies the units and filters of each hidden layer",
    )


def _dropout(rate: float, settings: TrainingSettings) -> Lines:
    del settings
    return (
        "for layer in model.layers:",
        "    if isinstance(layer, keras.layers.Dropout):",
        f"        layer.rate = {rate:g}  # without one: Dropout before the last layer",
    )


def _weight_decay(strength: float, settings: TrainingSettings) -> Lines:
    del settings
    regularizer = f"keras.regularizers.L2({strength:g})" if strength else "None"
    return (
        f"model.optimizer.weight_decay = {strength:g}",
        f"for layer in {_KERNELS}:",
        f"    layer.kernel.regularizer = {regularizer}",
    )


def _augment(text: str, settings: TrainingSettings) -> Lines:
    del settings
    if not text:
        return (
            "for layer in model.layers:",
            "    if type(layer).__name__.startswith('Random'):",
            "        layer.call = lambda inputs, *_, **__: inputs",
        )
    return (
        "from framework.diagnose import augmented",
        f"x_epoch = augmented(x_train, {text!r}, epoch)  # before each epoch",
    )


def _clip_norm(norm: float, settings: TrainingSettings) -> Lines:
    del settings
    return (f"model.optimizer.global_clipnorm = {norm:g}",)


def _balance(value: bool, settings: TrainingSettings) -> Lines:
    del value, settings
    return (
        "classes, counts = np.unique(y_train, return_counts=True)",
        "weight = dict(zip(classes, len(y_train) / len(classes) / counts))",
        "p = np.array([weight[label] for label in y_train]) / len(y_train)",
        "order = np.random.choice(len(y_train), len(y_train), p=p)  # each epoch",
    )


def _shuffle(value: bool, settings: TrainingSettings) -> Lines:
    del value, settings
    return (
        "order = np.random.permutation(len(x_train))  # anew in each epoch",
        "model.fit(x_train[order], y_train[order], shuffle=True)",
    )


def _unfreeze(value: bool, settings: TrainingSettings) -> Lines:
    del value, settings
    return ("model.trainable = True", _COMPILE)


def _keras_step(value: bool, settings: TrainingSettings) -> Lines:
    del value, settings
    return ("model.train_step = keras.Model.train_step.__get__(model)", _COMPILE)


def _train(split: Any, settings: TrainingSettings) -> Lines:
    del split, settings
    return ("x_train, y_train = x_train[keep], y_train[keep]",)


_WRITERS: dict[str, Callable[[Any, TrainingSettings], Lines]] = {
    "learning_rate_factor": _learning_rate,
    "constant_learning_rate": _constant_rate,
    "batch_size_factor": _batch_size,
    "standardize": _standardize,
    "consistent_loss": _loss,
    "reinitialize": _reinitialize,
    "activation": _activation,
    "width_factor": _width,
    "dropout": _dropout,
    "weight_decay": _weight_decay,
    "augment": _augment,
    "clip_norm": _clip_norm,
    "balance": _balance,
    "shuffle": _shuffle,
    "unfreeze": _unfreeze,
    "keras_step": _keras_step,
    "train": _train,
}
