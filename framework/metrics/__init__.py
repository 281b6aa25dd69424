"""The metrics that a `--metrics` spec can name, computed on whole evaluated splits."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np

from framework.config import reference, spec
from framework.errors import RunError, UsageError
from framework.metrics import classification

# From labels, int32 [N], and logits, float32 [N, K], to a number.
Metric = Callable[[np.ndarray, np.ndarray], float]

METRICS: dict[str, Callable[..., float]] = {
    "top_k": classification.top_k,
    "auc": classification.auc,
    "kappa": classification.kappa,
    "balanced_accuracy": classification.balanced_accuracy,
    "f1": classification.f1,
    "ece": classification.ece,
}


def build(text: str) -> dict[str, Metric]:
    """Returns the metrics of a spec by their names in metrics.jsonl.

    The name is that of the member, with the arguments if it has any.

    >>> list(build("auc + top_k(3) + f1(average='micro')"))
    ['auc', 'top_k(3)', 'f1(average=micro)']

    Args:
        text: Members of `METRICS` with their arguments, or `module:function(...)`, a
            function of labels and logits that returns a number; joined by "+".

    Raises:
        UsageError: The spec is wrong (the message marks the place), or names a metric
            twice.
    """
    metrics: dict[str, Metric] = {}
    for call in spec.parts(text):
        function = spec.look_up(call, METRICS, "metric")
        is_metric = spec.takes(function, 2)
        spec.require(call, is_metric, "a function of (labels, logits, ...)")
        arguments = spec.arguments(call, function, given=2)
        name = _name(call)
        if name in METRICS and call.name != name:
            message = f"there is a metric {name}; rename your function"
            raise spec.error(text, call.column, message)
        if name in metrics:
            raise spec.error(text, call.column, f"{name} is named twice")
        metrics[name] = functools.partial(_measured, call.name, function, arguments)
    return metrics


def check(
    metrics: Mapping[str, Metric],
    classes: int,
    taken: Collection[str],
    several_labels: bool = False,
) -> None:
    """Computes metrics once, on an example of each class.

    Args:
        metrics: From `build`.
        classes: The number of classes.
        taken: Names of the metrics that every evaluation has.
        several_labels: Whether labels are [N, K] of 0 and 1.

    Raises:
        UsageError: A metric fails, does not return a number, or has a name that is
            taken by another.
    """
    labels: np.ndarray = np.arange(classes, dtype=np.int32)
    if several_labels:
        labels = np.eye(classes, dtype=np.int32)
    for name, metric in metrics.items():
        if name in taken and name not in METRICS:
            raise UsageError(
                f"--metrics: every evaluation has a metric {name}; rename your function"
            )
        try:
            metric(labels, np.eye(classes, dtype=np.float32))
        except RunError as problem:
            raise UsageError(str(problem)) from problem


def _name(call: spec.Call) -> str:
    # Of a user's own, the function: a module is no part of what is measured.
    name = call.name.rpartition(":")[2]
    shown = [str(value) for value in call.args]
    shown += [f"{key}={value}" for key, value in call.kwargs.items()]
    return f"{name}({','.join(shown)})" if shown else name


def _measured(
    name: str,
    function: Callable[..., Any],
    arguments: dict[str, Any],
    labels: np.ndarray,
    logits: np.ndarray,
) -> float:
    """Returns the value of a metric.

    Raises:
        RunError: It fails, or does not return a number.
    """
    try:
        value = function(labels, logits, **arguments)
        number = float(value) if np.ndim(value) == 0 else None
    except KeyboardInterrupt:
        raise
    except BaseException as problem:
        text = str(problem) if name in METRICS else reference.summary(problem)
        raise RunError(f"--metrics: {name}: {text}") from problem
    if number is None:
        shape = np.shape(value)
        raise RunError(f"--metrics: {name} must return a number, not {list(shape)}")
    return number


__all__ = ["METRICS", "Metric", "build", "check"]
