"""Evaluation of a model: predictions on several sets of examples, and their metrics."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np

from framework.metrics import Metric
from framework.numerics.metrics import Predictions, summarize

# Evaluations of these prefixes have all metrics, others only the two below.
_DETAILED = ("validation",)
_BASIC_METRICS = ("accuracy", "loss")
# Of images that may have several labels.
_SUBSET_METRICS = ("subset_accuracy", "loss")
# Only those of several labels have the last one.
_EVALUATED = (*_BASIC_METRICS, "subset_accuracy", "mAP")

_NO_METRICS: Mapping[str, Metric] = {}

# Called during an evaluation; an exception interrupts it.
Check = Callable[[], None]


class Evaluations:
    """Evaluates a model on several sets of examples.

    Args:
        evaluators: Functions that evaluate the model, by the prefix of their metrics.
            Each calls its argument repeatedly.
        class_names: Names of the classes.
        metrics: Further metrics by name; the predictions must have logits.
    """

    def __init__(
        self,
        evaluators: Mapping[str, Callable[[Check], Predictions]],
        class_names: Sequence[str],
        metrics: Mapping[str, Metric] = _NO_METRICS,
    ):
        self._evaluators = evaluators
        self._class_names = class_names
        self._metrics = metrics

    def __call__(self, check: Check) -> dict[str, Predictions]:
        """Returns the predictions by the prefix of the metrics.

        Args:
            check: Called repeatedly; an exception interrupts the evaluation.
        """
        return {name: evaluate(check) for name, evaluate in self._evaluators.items()}

    def summaries(self, predictions: Mapping[str, Predictions]) -> dict[str, float]:
        """Returns all metrics, named prefix/metric."""
        return summaries(predictions, self._class_names, self._metrics)


def summaries(
    predictions: Mapping[str, Predictions],
    class_names: Sequence[str],
    further: Mapping[str, Metric] = _NO_METRICS,
) -> dict[str, float]:
    """Returns the metrics of evaluations, named prefix/metric.

    Args:
        predictions: Predictions by prefix.
        class_names: Names of the classes.
        further: Further metrics by name; the predictions must have logits.

    Raises:
        RunError: A metric of the user's own fails.
    """
    named_metrics: dict[str, float] = {}
    for prefix, outputs in predictions.items():
        metrics = summarize(outputs, class_names)
        if prefix not in _DETAILED:
            kept = (*_EVALUATED, *map(_weighted, _EVALUATED))
            metrics = {name: metrics[name] for name in kept if name in metrics}
        metrics |= computed(outputs, further)
        named_metrics |= prefixed(prefix, metrics)
    return named_metrics


def computed(
    predictions: Predictions, metrics: Mapping[str, Metric]
) -> dict[str, float]:
    """Returns the values of metrics by their names.

    Args:
        predictions: Of all examples of a split, with logits.
        metrics: By name.

    Raises:
        RunError: A metric of the user's own fails.
    """
    if not metrics:
        return {}
    assert predictions.logits is not None, "the evaluator returns logits for metrics"
    return {
        name: metric(predictions.labels, predictions.logits)
        for name, metric in metrics.items()
    }


def metric_names(
    class_names: Sequence[str],
    has_dev: bool,
    weighted: Collection[str] = (),
    further: Collection[str] = (),
    has_several_labels: bool = False,
) -> list[str]:
    """Returns the names of an evaluation's metrics.

    Args:
        class_names: Names of the classes.
        has_dev: Whether there are held-out training images.
        weighted: The splits whose examples have weights: "train", "validation".
        further: Names of further metrics.
        has_several_labels: Whether images may have several labels.
    """
    zero = np.zeros(1, np.int32)
    label = np.zeros((1, len(class_names)), np.int32) if has_several_labels else zero
    prefixes = ["train_clean", "train_dev", "validation"]
    if not has_dev:
        prefixes.remove("train_dev")
    examples = {
        prefix: Predictions(
            labels=label,
            predicted=label,
            rank=zero,
            confidence=label,
            losses=zero,
            weights=zero if prefix.split("_")[0] in weighted else None,
        )
        for prefix in prefixes
    }
    of_steps: tuple[str, ...] = (
        _SUBSET_METRICS if has_several_labels else _BASIC_METRICS
    )
    if "train" in weighted:
        of_steps = (*of_steps, *map(_weighted, of_steps))
    names = [
        *prefixed("train", dict.fromkeys(of_steps, 0.0)),
        *summaries(examples, class_names),
        *(f"{prefix}/{name}" for prefix in prefixes for name in further),
    ]
    # balanced_accuracy, for example, is a metric of every evaluation.
    return list(dict.fromkeys(names))


def _weighted(name: str) -> str:
    return f"weighted_{name}"


def prefixed(prefix: str, metrics: Mapping[str, float]) -> dict[str, float]:
    """Returns metrics under names with a prefix.

    >>> prefixed("train", {"loss": 0.5})
    {'train/loss': 0.5}
    """
    return {f"{prefix}/{name}": value for name, value in metrics.items()}
