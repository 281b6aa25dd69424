"""What a network computes in, and how float16 is kept from underflowing."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Iterator, Sequence

import keras
import tensorflow as tf

from framework.numerics.variables import state_variable

_POLICIES = {
    "float32": "float32",
    "bfloat16": "mixed_bfloat16",
    "float16": "mixed_float16",
}

# As Keras's LossScaleOptimizer: begin high, halve on overflow, double long after one.
_INITIAL_SCALE = 2.0**15
_GROWTH_STEPS = 2000


# Of processors that multiply bfloat16 by instructions of their own.
_INSTRUCTIONS = ("amx_bf16", "avx512_bf16")


def remark(precision: str, processor: str = "/proc/cpuinfo") -> str:
    """Returns what a user of float32 should know of his processor; perhaps nothing.

    Args:
        precision: What the network computes in.
        processor: Where Linux says what the processor can do.
    """
    if precision != "float32" or tf.config.list_physical_devices("GPU"):
        return ""
    try:
        words = pathlib.Path(processor).read_text().split()
    except OSError:
        return ""
    found = [name for name in _INSTRUCTIONS if name in words]
    if not found:
        return ""
    return (
        f"this processor has {found[0]}: --precision=bfloat16 makes convolutions and "
        f"matrix products several times as fast"
    )


@contextlib.contextmanager
def policy(precision: str) -> Iterator[None]:
    """Makes layers built within compute in float32, bfloat16 or float16.

    Their variables are float32 in all three.
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(_POLICIES[precision])
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


class LossScale:
    """A factor by which the loss is multiplied, so that small gradients are not 0.

    Make it inside the strategy's scope.

    Attributes:
        scale: float32 variable, the factor.
        good: int32 variable, the steps since it last changed.
    """

    def __init__(self):
        self.scale = state_variable(_INITIAL_SCALE, tf.float32)
        self.good = state_variable(0, tf.int32)

    @property
    def variables(self) -> dict[str, tf.Variable]:
        """What a restart needs, by name."""
        return {"scale": self.scale, "good": self.good}

    def unscale(self, gradients: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Returns the gradients of the loss itself."""
        return [gradient / self.scale for gradient in gradients]

    def update(self, finite: tf.Tensor) -> None:
        """Adapts the factor to whether the last gradients were all finite (bool)."""
        grow = finite & (self.good + 1 >= _GROWTH_STEPS)
        factor = tf.where(finite, tf.where(grow, 2.0, 1.0), 0.5)
        good = tf.where(finite & ~grow, self.good + 1, 0)
        self.scale.assign(tf.maximum(self.scale * factor, 1.0))
        self.good.assign(good)
