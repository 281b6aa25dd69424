"""What an evaluation asks the model, and the metrics that come of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from framework.numerics.metrics import Predictions, summarize

# Of these the row of an evaluation holds every metric, of the others two.
_IN_FULL = ("validation",)
_IN_BRIEF = ("accuracy", "loss")

# Does nothing, or breaks off an evaluation by raising.
Check = Callable[[], None]


class Evaluations:
    """The questions of an evaluation.

    Args:
        asked: What to ask the model, by the prefix of its metrics. Each is given what
            to call now and then.
        class_names: What the classes are called.
    """

    def __init__(
        self,
        asked: Mapping[str, Callable[[Check], Predictions]],
        class_names: Sequence[str],
    ):
        self._asked = asked
        self._class_names = class_names

    def __call__(self, check: Check) -> dict[str, Predictions]:
        """Returns what the model says, by the prefix of the metrics.

        Args:
            check: Called now and then; what it raises breaks the evaluation off.
        """
        return {name: ask(check) for name, ask in self._asked.items()}

    def summaries(self, predictions: Mapping[str, Predictions]) -> dict[str, float]:
        """Returns the metrics, each name with its evaluation's prefix."""
        return summaries(predictions, self._class_names)


def summaries(
    predictions: Mapping[str, Predictions], class_names: Sequence[str]
) -> dict[str, float]:
    """Returns the metrics of evaluations, each name with its evaluation's prefix."""
    result = {}
    for prefix, found in predictions.items():
        metrics = summarize(found, class_names)
        if prefix not in _IN_FULL:
            metrics = {name: metrics[name] for name in _IN_BRIEF}
        result |= prefixed(prefix, metrics)
    return result


def metric_names(class_names: Sequence[str], has_dev: bool) -> list[str]:
    """Returns the names of the metrics of an evaluation.

    Args:
        class_names: What the classes are called.
        has_dev: Whether there are images held out of training.
    """
    nothing = np.zeros(1, np.int32)
    example = Predictions(nothing, nothing, nothing, nothing, nothing)
    prefixes = ["train_clean", *["train_dev"] * has_dev, "validation"]
    found = summaries(dict.fromkeys(prefixes, example), class_names)
    return [*prefixed("train", dict.fromkeys(_IN_BRIEF, 0.0)), *found]


def prefixed(prefix: str, metrics: Mapping[str, float]) -> dict[str, float]:
    """Returns metrics with a prefix before each name."""
    return {f"{prefix}/{name}": value for name, value in metrics.items()}
