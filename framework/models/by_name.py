"""Sets the weights of a model by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import keras
import numpy as np

from framework.errors import UsageError
from framework.models import flatten_order, names

# Names that a message lists.
_SHOWN = 5
# Updates of a batch norm whose stored moments come from elsewhere: with this number,
# the debiased average has the full weight of Keras's; see `layers.BatchNorm`.
UPDATES = 1e6


@dataclasses.dataclass(frozen=True)
class Match:
    """What has been set, and what has not.

    Attributes:
        matched: The names of the weights that were set.
        missing: Those that the values lack.
        shapes: Those of another shape, with that in the values and that of the model.
        unused: The names of values that the model lacks.
    """

    matched: tuple[str, ...]
    missing: tuple[str, ...]
    shapes: tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...]
    unused: tuple[str, ...]

    def summary(self) -> str:
        """Describes the match in one line."""
        total = len(self.matched) + len(self.missing) + len(self.shapes)
        texts = [f"{len(self.matched)} of {total} weights"]
        if self.shapes:
            differing = [f"{name} {old} -> {new}" for name, old, new in self.shapes]
            texts.append(f"of another shape, not set: {listed(differing)}")
        if self.missing:
            texts.append(f"not in it: {listed(self.missing)}")
        if self.unused:
            texts.append(f"not used: {listed(self.unused)}")
        return "; ".join(texts)


def listed(items: tuple[str, ...] | list[str], count: int = _SHOWN) -> str:
    """Joins the first items, and counts the others.

    >>> listed(["a", "b", "c"], 2)
    'a, b and 1 more'
    """
    text = ", ".join(items[:count])
    return text if len(items) <= count else f"{text} and {len(items) - count} more"


def assign(
    model: keras.Model,
    values: Mapping[str, np.ndarray],
    is_channels_first: bool = False,
) -> Match:
    """Sets weights to values of the same name and shape.

    Args:
        model: A built model.
        values: Arrays by name or position, as `weight_files.read` returns them.
        is_channels_first: Whether the values are of a network that flattens feature
            maps channels first, as in PyTorch: rows of dense layers are reordered.

    Raises:
        UsageError: The order of such rows cannot be seen in the model.
    """
    matched, missing, shapes, used = [], [], [], set()
    for weight in names.weights(model):
        key = weight.name if weight.name in values else weight.position
        value = values.get(key)
        if value is None:
            if weight.variable.name == "updates" and _has_moments(weight, values):
                weight.variable.assign(UPDATES)
                matched.append(weight.name)
            else:
                missing.append(weight.name)
            continue
        used.add(key)
        value = _with_multiplier(value, weight)
        if is_channels_first:
            value = flatten_order.from_channels_first(weight, value)
        shape = tuple(weight.variable.shape)
        if value.shape == shape:
            weight.variable.assign(value)
            matched.append(weight.name)
        else:
            shapes.append((weight.name, tuple(value.shape), shape))
    unused = tuple(name for name in values if name not in used)
    return Match(tuple(matched), tuple(missing), tuple(shapes), unused)


def _with_multiplier(value: np.ndarray, weight: names.Weight) -> np.ndarray:
    """Returns a depthwise kernel as [height, width, channels, multiplier].

    PyTorch has it as that of a convolution in groups: [height, width, 1, channels x
    multiplier].
    """
    shape = tuple(weight.variable.shape)
    is_depthwise = isinstance(weight.layer, keras.layers.DepthwiseConv2D)
    if not is_depthwise or len(shape) != 4:
        return value
    is_grouped = value.shape == (*shape[:2], 1, shape[2] * shape[3])
    return value.reshape(shape) if is_grouped else value


def _has_moments(weight: names.Weight, values: Mapping[str, np.ndarray]) -> bool:
    """Returns whether there are moments for the layer of a counter of updates."""
    layer = weight.name.rpartition("/")[0]
    index = int(weight.position.rpartition("/")[2])
    # Keras stores mean and variance last; the counter follows them.
    return f"{layer}/moving_mean" in values or f"{layer}/{index - 1}" in values


def require_a_match(match: Match, source: str) -> None:
    """Checks that something has been set.

    Args:
        match: From `assign`.
        source: Where the values come from, with its flag or argument, for the message.

    Raises:
        UsageError: No name and shape matched; lists names of both sides.
    """
    if match.matched:
        return
    wanted = [*match.missing, *(name for name, *_ in match.shapes)]
    raise UsageError(
        f"{source} has no weight of the network, by name and shape; the network has "
        f"{listed(wanted)}, and it has {listed(match.unused) or 'nothing else'}"
    )
