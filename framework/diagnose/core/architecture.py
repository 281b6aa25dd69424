"""A view of a model's layers that checks may see: plain values, no Keras."""

from __future__ import annotations

import dataclasses
import math

# Layers that bring their inputs to one scale.
_NORMALIZING = frozenset(
    {
        "Normalization",
        "Rescaling",
        "BatchNormalization",
        "LayerNormalization",
        "GroupNormalization",
        "UnitNormalization",
    }
)
# Layers that may come before these and do not change values.
_PASSING = frozenset(
    {"InputLayer", "Flatten", "Reshape", "Permute", "ZeroPadding2D", "Resizing"}
)
_SATURATING = frozenset({"sigmoid", "tanh", "softmax", "hard_sigmoid", "softsign"})


@dataclasses.dataclass(frozen=True)
class LayerView:
    """One layer that contains no others.

    Attributes:
        name: Unique within the model.
        kind: The name of its class, such as "Dense".
        activation: The name of its activation; "" if it has none.
        units: The size of the last axis of its kernel; 0 without a kernel.
        dropout_rate: Of dropout layers; None for others.
    """

    name: str
    kind: str
    activation: str = ""
    units: int = 0
    dropout_rate: float | None = None

    @property
    def has_kernel(self) -> bool:
        """Whether the layer has a kernel."""
        return self.units > 0

    @property
    def is_rectifying(self) -> bool:
        """Whether the layer applies a ReLU of any kind."""
        return "relu" in f"{self.kind} {self.activation}".lower()

    @property
    def is_random(self) -> bool:
        """Whether the layer changes its inputs at random while training."""
        return self.kind.startswith(("Random", "Gaussian"))


@dataclasses.dataclass(frozen=True)
class Architecture:
    """The layers of a model.

    Attributes:
        layers: Those that contain no others, in order.
        outermost: The kinds of the layers that the model itself lists, in order.
        parameters: The number of weights, trainable or not.
        fixed_kernels: The sizes of kernels and embeddings that are declared not
            trainable, by path.

    Example:
        >>> hidden, last = LayerView("a", "Dense", "relu", 8), LayerView("b", "Dense")
        >>> last = dataclasses.replace(last, units=3)
        >>> Architecture((hidden, last), ("Dense", "Dense"), 100, {}).narrowest_hidden
        8
    """

    layers: tuple[LayerView, ...]
    outermost: tuple[str, ...]
    parameters: int
    fixed_kernels: dict[str, int]

    @property
    def with_kernel(self) -> tuple[LayerView, ...]:
        """The layers with a kernel, in order."""
        return tuple(layer for layer in self.layers if layer.has_kernel)

    @property
    def hidden(self) -> tuple[LayerView, ...]:
        """The layers but the last one, and but the last one with a kernel."""
        last = (*self.with_kernel[-1:], *self.layers[-1:])
        return tuple(layer for layer in self.layers if layer not in last)

    @property
    def narrowest_hidden(self) -> int | None:
        """The least number of units of a hidden layer; None if there is none."""
        return min((layer.units for layer in self.with_kernel[:-1]), default=None)

    @property
    def highest_dropout(self) -> float:
        """The highest rate of a dropout layer; 0 without one."""
        return max((layer.dropout_rate or 0.0 for layer in self.layers), default=0.0)

    @property
    def kept(self) -> float:
        """The part of the values that all dropout layers keep, one after the other."""
        return math.prod(1.0 - (layer.dropout_rate or 0.0) for layer in self.layers)

    @property
    def random_layers(self) -> tuple[str, ...]:
        """The kinds of the layers that change images at random while training."""
        return tuple(layer.kind for layer in self.layers if layer.is_random)

    @property
    def saturating_hidden(self) -> int:
        """The number of hidden layers with a saturating activation."""
        return sum(layer.activation in _SATURATING for layer in self.hidden)

    @property
    def softmax_hidden(self) -> int:
        """The number of hidden layers whose activation is a softmax."""
        return sum(layer.activation == "softmax" for layer in self.hidden)

    @property
    def ends_in_softmax(self) -> bool:
        """Whether the last operation of the model is a softmax."""
        last = self.layers[-1] if self.layers else LayerView("", "")
        return last.kind == "Softmax" or last.activation == "softmax"

    @property
    def first_normalization(self) -> str:
        """The kind of the first layer that changes values, if it normalizes; or ""."""
        for kind in self.outermost:
            if kind in _NORMALIZING:
                return kind
            if kind not in _PASSING:
                break
        return ""
