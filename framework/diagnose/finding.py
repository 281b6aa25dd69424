"""What a diagnosis says: causes, with what speaks for them and what would not."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from framework.numerics.intervals import Estimate

FORMAT = 1
CAUSES = (
    *("illegal_labels", "label_noise", "shuffled_labels", "class_imbalance"),
    *("split_leakage", "distribution_shift", "unnormalized_inputs"),
    *("preprocessing_mismatch", "validation_too_small", "homogeneous_training_data"),
    *("split_artifact", "unshuffled_batches", "learning_rate_too_high"),
    *("learning_rate_too_low", "vanishing_gradients", "exploding_gradients"),
    *("dead_units", "frozen_weights", "loss_output_mismatch", "batch_size_too_small"),
    *("batch_size_too_large", "overfitting", "over_regularized"),
    *("train_eval_mismatch", "bad_initialization", "insufficient_capacity"),
    *("stopped_too_early", "replica_scaling", "wrong_variables", "random_validation"),
    *("metric_bug", "stale_evaluation_weights", "learning_rate_frozen"),
)
STATUSES = ("confirmed", "suspected", "falsified", "unresolvable")


@dataclasses.dataclass(frozen=True)
class Evidence:
    """A number that speaks for a cause.

    Attributes:
        name: What was measured.
        value: What came out.
        threshold: From where on it speaks for the cause, in words.
        source: Where the threshold comes from.
    """

    name: str
    value: float | str | Estimate
    threshold: str
    source: str

    def as_json(self) -> dict[str, Any]:
        """Returns a JSON value."""
        estimate = self.value if isinstance(self.value, Estimate) else None
        value = estimate.value if estimate else self.value
        if isinstance(value, float) and not math.isfinite(value):
            # JSON has no number for it.
            value = str(value)
        return {
            "name": self.name,
            "value": value,
            "interval": [estimate.low, estimate.high] if estimate else None,
            "threshold": self.threshold,
            "source": self.source,
        }


@dataclasses.dataclass(frozen=True)
class Remedy:
    """What to do about a cause.

    Attributes:
        text: In words.
        flags: As flags of the training command, where there are any.
    """

    text: str
    flags: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Finding:
    """A cause, and how sure it is.

    Attributes:
        cause: One of `CAUSES`.
        status: One of `STATUSES`. Only what a decisive measurement or an experiment has
            shown is confirmed.
        message: What is the case, in a sentence.
        evidence: What speaks for it.
        remedy: What to do.
        refute: What would show that it is not the cause: a command, or a measurement.
        cost: How much accuracy it costs, from 0 to 1; None if that was not measured.
    """

    cause: str
    status: str
    message: str
    evidence: tuple[Evidence, ...]
    remedy: Remedy
    refute: str
    cost: Estimate | None = None

    def __post_init__(self):
        if self.cause not in CAUSES or self.status not in STATUSES:
            raise ValueError(f"{self.cause!r}, {self.status!r} is no finding")

    def as_json(self) -> dict[str, Any]:
        """Returns a JSON value."""
        cost = self.cost
        return {
            "cause": self.cause,
            "status": self.status,
            "message": self.message,
            "cost_points": None if cost is None else 100 * cost.value,
            "cost_interval": None
            if cost is None
            else [100 * cost.low, 100 * cost.high],
            "evidence": [each.as_json() for each in self.evidence],
            "remedy": {"text": self.remedy.text, "flags": list(self.remedy.flags)},
            "refute": self.refute,
        }
