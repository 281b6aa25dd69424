"""The rules of other tools, applied to the same trainings, without their repairs.

Written from the rules' descriptions, for Keras 3:
* AUTOTRAINER (Zhang et al., ICSE 2021): symptoms, each with what it would try;
* DeepDiagnosis (Wardat et al., ICSE 2022): symptoms and a decision tree;
* UMLAUT (Schoop et al., CHI 2021): heuristics.
A symptom stands for all causes that the tool's own advice or repair would mend.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks.zoo.cases import Program
from framework.diagnose.programs import watch_layers as layers_lib
from framework.diagnose.programs.model_layers import leaves

Symptoms = list[str]
_EVERY = 3

_RATE = ("learning_rate_too_low", "learning_rate_too_high", "learning_rate_frozen")
# By tool and symptom, the causes that its repair or its advice is meant for.
CAUSES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "AUTOTRAINER": {
        "explode": ("exploding_gradients", "learning_rate_too_high"),
        "vanish": ("vanishing_gradients", "bad_initialization"),
        "dying ReLU": ("dead_units", "bad_initialization"),
        "loss": ("loss_output_mismatch",),
        "activation": ("loss_output_mismatch",),
        "data": ("unnormalized_inputs",),
        "not converged": (*_RATE, "bad_initialization"),
        "slow convergence": (*_RATE, "bad_initialization", "stopped_too_early"),
        "unstable": (
            "learning_rate_too_high",
            "batch_size_too_small",
            "batch_size_too_large",
        ),
    },
    "DeepDiagnosis": {
        "out of range": ("loss_output_mismatch", "illegal_labels"),
        "numerical": ("exploding_gradients", "learning_rate_too_high"),
        "dead node": ("dead_units",),
        "saturated": ("vanishing_gradients", "bad_initialization"),
        "unchanged tensor": ("frozen_weights", "wrong_variables", "dead_units"),
        "accuracy not changing": _RATE,
        "loss not changing": _RATE,
        "vanishing": ("vanishing_gradients",),
        "poor weight": ("bad_initialization",),
        "normalize": ("unnormalized_inputs",),
        "learning rate": _RATE,
    },
    "UMLAUT": {
        "missing softmax": ("loss_output_mismatch",),
        "linear hidden layer": ("loss_output_mismatch", "vanishing_gradients"),
        "high dropout": ("over_regularized",),
        "input range": ("unnormalized_inputs",),
        "NaN in loss": ("exploding_gradients", "learning_rate_too_high"),
        "learning rate high": ("learning_rate_too_high",),
        "learning rate low": ("learning_rate_too_low",),
        "overfitting": ("overfitting",),
        "check validation accuracy": ("split_leakage",),
    },
}


@dataclasses.dataclass(frozen=True)
class Moment:
    """Observations after an epoch, on the first batch.

    Attributes:
        gradients: By kernel in order, its mean magnitude and its norm.
        zeros: Share of all entries of all gradients that are exactly 0.
        weights: By kernel, its variance and the mean of its magnitude.
        update: By kernel, the mean magnitude of its change since the last look.
        outputs: The output of each layer.
    """

    gradients: Mapping[str, tuple[float, float]]
    zeros: float
    weights: Mapping[str, tuple[float, float]]
    update: Mapping[str, float]
    outputs: Mapping[str, np.ndarray]


class Watch(keras.callbacks.Callback):
    """A callback that records the inputs of the rules.

    Args:
        program: That is going to be trained.
    """

    def __init__(self, program: Program):
        super().__init__()
        self.program, self.moments, self.logs = program, [], []
        self.x, self.y = _first_batch(program)
        self._before: dict[str, np.ndarray] = {}

    def on_epoch_end(self, epoch, logs=None):
        """Observes the first batch, every third epoch, as AUTOTRAINER does."""
        self.logs.append(dict(logs or {}))
        if epoch % _EVERY and epoch < self.program.epochs - 1:
            return
        model = self.model
        weights = [each for each in model.trainable_variables if len(each.shape) > 1]
        with tf.GradientTape() as tape:
            loss = model.compute_loss(
                x=self.x, y=self.y, y_pred=model(self.x, training=False)
            )
        gradients = tape.gradient(loss, [weight.value for weight in weights])
        arrays = {
            weight.path: np.zeros(weight.shape)
            if gradient is None
            else tf.convert_to_tensor(gradient).numpy()
            for weight, gradient in zip(weights, gradients, strict=True)
        }
        values = {weight.path: weight.numpy() for weight in weights}
        with layers_lib.watched(model) as outputs:
            model(self.x, training=False)
        every = np.concatenate([each.ravel() for each in arrays.values()] or [[1.0]])
        self.moments.append(
            Moment(
                gradients={
                    name: (float(np.abs(each).mean()), float(np.linalg.norm(each)))
                    for name, each in arrays.items()
                },
                zeros=float(np.mean(every == 0)),
                weights={
                    name: (float(each.var()), float(np.abs(each).mean()))
                    for name, each in values.items()
                },
                update={
                    name: float(np.abs(each - self._before[name]).mean())
                    for name, each in values.items()
                    if name in self._before
                },
                outputs=dict(outputs),
            )
        )
        self._before = values


def symptoms(watch: Watch) -> dict[str, Symptoms]:
    """Returns the symptoms that each tool would report, in the order of its checks."""
    if not watch.moments:
        return {name: [] for name in CAUSES}
    return {name: list(dict.fromkeys(rule(watch))) for name, rule in RULES.items()}


def autotrainer(watch: Watch) -> Symptoms:
    """Returns AUTOTRAINER's symptoms, with its default thresholds."""
    last, logs = watch.moments[-1], _logs(watch)
    accuracy, held_out = _accuracies(logs)
    losses = np.array(logs["loss"])
    converged = max(np.max(accuracy), np.max(held_out)) >= 0.6
    gains = np.diff(accuracy), np.diff(held_out)
    is_slow = len(accuracy) > 1 and all(np.max(each) < 0.01 for each in gains)
    symptoms = []
    if not np.isfinite(losses).all() or np.nanmax(losses) >= 1e3:
        symptoms.append("explode")
    if np.nanmin(losses) < 0:
        symptoms.append("loss")
    if converged and not is_slow:
        return symptoms
    outputs = list(last.outputs.values())
    if outputs and np.abs(outputs[-1]).sum(axis=-1).max() > 1.1:
        symptoms.append("activation")
    if np.abs(watch.x).mean() >= 10:
        symptoms.append("data")
    norms = [norm for _, norm in last.gradients.values()]
    if len(norms) > 1 and norms[-1] > 0:
        ratio = norms[0] / norms[-1]
        if ratio < 1e-3 and norms[0] < 1e-4:
            symptoms.append("vanish")
        if ratio > 70:
            symptoms.append("explode")
    if last.zeros >= 0.7:
        symptoms.append("dying ReLU")
    if _swings(accuracy, 0.03) >= 0.2 * len(accuracy):
        symptoms.append("unstable")
    return [*symptoms, *(() if converged else ("not converged",)), *_slow(is_slow)]


def _slow(is_slow: bool) -> Symptoms:
    return ["slow convergence"] if is_slow else []


def deep_diagnosis(watch: Watch) -> Symptoms:
    """Returns DeepDiagnosis's symptoms, with its thresholds."""
    last, logs = watch.moments[-1], _logs(watch)
    accuracy, _ = _accuracies(logs)
    losses = np.array(logs["loss"])
    symptoms = []
    outputs = list(watch.moments[0].outputs.values())
    if outputs and _out_of_range(watch.y, outputs[-1]):
        symptoms.append("out of range")
    if not np.isfinite(losses).all():
        symptoms.append("numerical")
    kinds = _activations(watch.program.model)
    for name, values in last.outputs.items():
        kind = kinds.get(name, "")
        if kind == "relu" and np.mean(values <= 0) >= 0.7:
            symptoms.append("dead node")
        # Beyond 5 before the sigmoid is this after it.
        if kind == "sigmoid" and np.mean(np.abs(values - 0.5) > 0.4933) > 0.5:
            symptoms.append("saturated")
        if kind == "tanh" and np.mean(np.abs(values) > 0.99991) > 0.5:
            symptoms.append("saturated")
    if len(watch.moments) > 5:
        recent = [moment.update for moment in watch.moments[-5:]]
        if any(all(each[name] == 0 for each in recent) for name in last.update):
            symptoms.append("unchanged tensor")
    if len(losses) > 5 and len(set(losses[-5:])) == 1:
        symptoms.append("loss not changing")
    if len(accuracy) > 20 and len(set(accuracy[-20:])) == 1:
        symptoms.append("accuracy not changing")
    if any(mean < 1e-7 for mean, _ in last.gradients.values()):
        symptoms.append("vanishing")
    return [*symptoms, *(_advice(watch) if symptoms else [])]


def _advice(watch: Watch) -> Symptoms:
    """Returns the advice of the decision tree on weights, data and learning rate."""
    last = watch.moments[-1]
    if any(not 1e-5 <= variance <= 10 for variance, _ in last.weights.values()):
        return ["poor weight"]
    if watch.x.min() < -1 or watch.x.max() > 1:
        return ["normalize"]
    for name, change in last.update.items():
        if not 1e-5 <= change / max(last.weights[name][1], 1e-12) <= 1e-1:
            return ["learning rate"]
    return []


def umlaut(watch: Watch) -> Symptoms:
    """Returns UMLAUT's errors and warnings, with its thresholds."""
    logs, model = _logs(watch), watch.program.model
    accuracy, held_out = _accuracies(logs)
    errors = []
    final = leaves(model)[-1]
    logits = getattr(model.loss, "from_logits", False)
    # By its name, as the tool does: Dense(10, activation="softmax") is called dense.
    if "softmax" not in final.name and not logits:
        errors.append("missing softmax")
    if _has_linear_hidden(leaves(model)):
        errors.append("linear hidden layer")
    if any(getattr(each, "rate", 0) > 0.5 for each in leaves(model)):
        errors.append("high dropout")
    if watch.x.min() < -1 or watch.x.max() > 1:
        errors.append("input range")
    if not np.isfinite(logs["loss"]).all():
        errors.append("NaN in loss")
    rate = float(model.optimizer.learning_rate)
    if rate > 0.01:
        errors.append("learning rate high")
    if rate < 1e-7:
        errors.append("learning rate low")
    falls, rises = np.diff(logs["loss"]) < 0, np.diff(logs["val_loss"]) > 0
    if np.any(falls & rises):
        errors.append("overfitting")
    late = np.arange(len(accuracy)) >= 3
    if np.any(late & ((held_out > 0.95) | (held_out - accuracy > 0.05))):
        errors.append("check validation accuracy")
    return errors


RULES: Mapping[str, Callable[[Watch], Symptoms]] = {
    "AUTOTRAINER": autotrainer,
    "DeepDiagnosis": deep_diagnosis,
    "UMLAUT": umlaut,
}


def _logs(watch: Watch) -> dict[str, list[float]]:
    return {name: [each[name] for each in watch.logs] for name in watch.logs[0]}


def _accuracies(logs: Mapping[str, list[float]]) -> tuple[np.ndarray, np.ndarray]:
    """Returns training and validation accuracy by epoch."""
    train = next((each for each in logs if each.startswith("acc")), None)
    held_out = next((each for each in logs if each.startswith("val_acc")), None)
    zeros = [0.0] * len(logs["loss"])
    return tuple(np.array(logs[each] if each else zeros) for each in (train, held_out))


def _swings(values: np.ndarray, least: float) -> int:
    """Counts the local maxima after which a curve falls by at least `least`."""
    middle = values[1:-1]
    peaks = np.flatnonzero((middle > values[:-2]) & (middle > values[2:])) + 1
    return sum(bool(values[peak] - values[peak + 1] >= least) for peak in peaks)


def _out_of_range(y: np.ndarray, outputs: np.ndarray) -> bool:
    """Returns whether labels are outside the range of the last layer's outputs."""
    if y.ndim == 1 and outputs.shape[-1] > 1:
        return bool(y.max() >= outputs.shape[-1])
    return bool(y.max() > outputs.max() + 1 or y.min() < outputs.min() - 1)


def _has_linear_hidden(layers: list[keras.layers.Layer]) -> bool:
    """Returns whether two dense layers follow each other without an activation."""
    is_open = False
    for layer in layers:
        if isinstance(layer, keras.layers.Dense):
            if is_open:
                return True
            is_open = layer.activation is keras.activations.linear
        elif isinstance(layer, (keras.layers.Activation, keras.layers.ReLU)):
            is_open = False
    return False


def _activations(model: keras.Model) -> dict[str, str]:
    kinds = {}
    for layer in leaves(model):
        activation = getattr(layer, "activation", None)
        if isinstance(layer, keras.layers.ReLU):
            kinds[layer.name] = "relu"
        elif activation is not None:
            kinds[layer.name] = getattr(activation, "__name__", "")
    return kinds


def _first_batch(program: Program) -> tuple[np.ndarray, np.ndarray]:
    data: Any = program.train
    if isinstance(data, tuple):
        size = program.batch_size
        x, y = data[0][:size], data[1][:size]
    elif isinstance(data, tf.data.Dataset):
        x, y = next(iter(data.as_numpy_iterator()))
    else:
        x, y = data[0]
    return np.asarray(x, np.float32), np.asarray(y)
