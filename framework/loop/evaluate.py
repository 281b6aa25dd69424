"""Evaluation of a model: predictions on several sets of examples, and their metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from framework.numerics.metrics import Predictions, summarize

# Evaluations of these prefixes have all metrics, others only the two below.
_DETAILED = ("validation",)
_BASIC_METRICS = ("accuracy", "loss")

# Called during an evaluation; an exception interrupts it.
Check = Callable[[], None]


class Evaluations:
    """Evaluates a model on several sets of examples.

    Args:
        evaluators: Functions that evaluate the model, by the prefix of their metrics.
            Each calls its argument repeatedly.
        class_names: Names of the classes.
    """

    def __init__(
        self,
        evaluators: Mapping[str, Callable[[Check], Predictions]],
        class_names: Sequence[str],
    ):
        self._evaluators = evaluators
        self._class_names = class_names

    def __call__(self, check: Check) -> dict[str, Predictions]:
        """Returns the predictions by the prefix of the metrics.

        Args:
            check: Called repeatedly; an exception interrupts the evaluation.
        """
        return {name: evaluate(check) for name, evaluate in self._evaluators.items()}

    def summaries(self, predictions: Mapping[str, Predictions]) -> dict[str, float]:
        """Returns all metrics, named prefix/metric."""
        return summaries(predictions, self._class_names)


def summaries(
    predictions: Mapping[str, Predictions], class_names: Sequence[str]
) -> dict[str, float]:
    """Returns the metrics of evaluations, named prefix/metric.

    Args:
        predictions: Predictions by prefix.
        class_names: Names of the classes.
    """
    named_metrics: dict[str, float] = {}
    for prefix, outputs in predictions.items():
        metrics = summarize(outputs, class_names)
        if prefix not in _DETAILED:
            metrics = {name: metrics[name] for name in _BASIC_METRICS}
        named_metrics |= prefixed(prefix, metrics)
    return named_metrics


def metric_names(class_names: Sequence[str], has_dev: bool) -> list[str]:
    """Returns the names of an evaluation's metrics.

    Args:
        class_names: Names of the classes.
        has_dev: Whether there are held-out training images.
    """
    zero = np.zeros(1, np.int32)
    example = Predictions(zero, zero, zero, zero, zero)
    prefixes = ["train_clean", "train_dev", "validation"]
    if not has_dev:
        prefixes.remove("train_dev")
    metrics = summaries(dict.fromkeys(prefixes, example), class_names)
    return [*prefixed("train", dict.fromkeys(_BASIC_METRICS, 0.0)), *metrics]


def prefixed(prefix: str, metrics: Mapping[str, float]) -> dict[str, float]:
    """Returns metrics under names with a prefix.

    >>> prefixed("train", {"loss": 0.5})
    {'train/loss': 0.5}
    """
    return {f"{prefix}/{name}": value for name, value in metrics.items()}
