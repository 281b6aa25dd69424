"""Applies the rules of --freeze and --lr_scale to the weights of a model."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence

import keras

from framework.config.update_rules import BACKBONE, HEAD, Freeze, Scales
from framework.errors import UsageError
from framework.models import by_name, names
from framework.models.names import Weight

# Converts the time of a rule to steps.
Steps = Callable[[Freeze], "int | None"]


@dataclasses.dataclass(frozen=True)
class UpdatePlan:
    """How the trainable weights of a model are updated, in the model's order.

    Attributes:
        factors: The factors of their updates.
        frozen_until: The steps from which they are trained; None for never.
        lines: Descriptions of the rules, by flag, with what they match.
    """

    factors: tuple[float, ...]
    frozen_until: tuple[int | None, ...]
    lines: dict[str, str]


def plan(
    model: keras.Model, freeze: Sequence[Freeze], scales: Scales, steps: Steps
) -> UpdatePlan:
    """Returns how weights are updated; sets the frozen time of batch normalizations.

    The moments of a batch normalization are frozen with its weights by a rule that
    matches both, as any name of the layer does.

    Args:
        model: A built model.
        freeze: The rules of --freeze; the first that matches decides.
        scales: The rules of --lr_scale.
        steps: Returns the step until which a rule of --freeze holds; None for ever.

    Raises:
        UsageError: A rule matches no weight, nothing is left to train, or Keras's own
            batch normalization would be frozen.
    """
    weights = names.weights(model)
    head = _head(weights)
    lines: dict[str, str] = {}
    until: dict[int, int | None] = {}
    counts = []
    for rule in freeze:
        matched = _matching(weights, rule.pattern, head, "--freeze")
        for weight in matched:
            until.setdefault(id(weight.variable), steps(rule))
        counts.append(_described(rule, steps(rule), matched, weights))
    if counts:
        lines["frozen"] = "; ".join(counts)
    factors = _factors(weights, scales, head, lines)
    _freeze_norms(weights, until)
    trainable = model.trainable_variables
    times = tuple(until.get(id(variable), 0) for variable in trainable)
    if all(time is None for time in times):
        raise UsageError("--freeze leaves no weight to train")
    values = tuple(factors.get(id(variable), 1.0) for variable in trainable)
    return UpdatePlan(values, times, lines)


def _head(weights: Sequence[Weight]) -> str:
    """Returns the name of the last layer that has trainable weights."""
    trainable = [weight for weight in weights if weight.variable.trainable]
    return trainable[-1].name.rpartition("/")[0]


def _matching(
    weights: Sequence[Weight], pattern: str, head: str, flag: str
) -> list[Weight]:
    """Returns the weights whose names match a pattern of a rule."""

    def matches(weight: Weight) -> bool:
        if pattern in (HEAD, BACKBONE):
            is_head = weight.name.rpartition("/")[0] == head
            return is_head == (pattern == HEAD)
        return re.search(pattern, weight.name) is not None

    matched = [weight for weight in weights if matches(weight)]
    if not any(weight.variable.trainable for weight in matched):
        known = [weight.name for weight in weights if weight.variable.trainable]
        raise UsageError(
            f"{flag}: {pattern!r} matches no trainable weight; the network has "
            f"{by_name.listed(known, 12)}"
        )
    return matched


def _described(
    rule: Freeze, until: int | None, matched: list[Weight], weights: Sequence[Weight]
) -> str:
    time = "always" if until is None else f"until step {until:,}"
    count = sum(weight.variable.trainable for weight in matched)
    total = sum(weight.variable.trainable for weight in weights)
    return f"{rule.pattern} {time} ({count} of {total} trainable weights)"


def _factors(
    weights: Sequence[Weight], scales: Scales, head: str, lines: dict[str, str]
) -> dict[int, float]:
    """Returns the factors by variable, and describes the rules."""
    factors: dict[int, float] = {}
    texts = []
    for rule in scales.rules:
        matched = _matching(weights, rule.pattern, head, "--lr_scale")
        for weight in matched:
            factors.setdefault(id(weight.variable), rule.factor)
        count = sum(weight.variable.trainable for weight in matched)
        texts.append(f"{rule.pattern} x {rule.factor:g} ({count} weights)")
    if scales.layerwise != 1.0:
        depths = _depths(weights)
        for weight, depth in zip(weights, depths, strict=True):
            factors.setdefault(id(weight.variable), scales.layerwise**depth)
        lowest = scales.layerwise ** max(depths)
        texts.append(f"layerwise, x {lowest:.2g} to 1 over {max(depths) + 1} layers")
    if texts:
        lines["update factors"] = "; ".join(texts)
    return factors


def _depths(weights: Sequence[Weight]) -> list[int]:
    """Returns the number of layers with a kernel after that of each weight.

    Layers without a kernel, such as batch normalization, count as part of the layer
    before them.
    """
    indices, index, layer = [], -1, None
    for weight in weights:
        is_kernel = weight.variable.trainable and len(weight.variable.shape) >= 2
        if is_kernel and weight.layer is not layer:
            index, layer = index + 1, weight.layer
        indices.append(max(index, 0))
    return [max(index, 0) - each for each in indices]


def _freeze_norms(weights: Sequence[Weight], until: dict[int, int | None]) -> None:
    # Imported late: it defines Keras layers, which imports TensorFlow.
    from framework.models.layers import BatchNorm

    for weight in weights:
        if weight.variable.name != "moving_mean":
            continue
        time = until.get(id(weight.variable), 0)
        if isinstance(weight.layer, BatchNorm):
            weight.layer.frozen_until = time
        elif time != 0:
            raise UsageError(
                f"--freeze: {weight.layer.name} is Keras's BatchNormalization, which "
                f"cannot be frozen; use framework.models.layers.batch_norm"
            )
