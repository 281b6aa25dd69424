"""Mixed precision: Keras dtype policies, and loss scaling for float16."""

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

# As Keras's LossScaleOptimizer: halve on overflow, double after many finite steps.
_INITIAL_SCALE = 2.0**15
_GROWTH_STEPS = 2000


# CPU flags of instructions that multiply bfloat16.
_INSTRUCTIONS = ("amx_bf16", "avx512_bf16")


def notice(precision: str, model: keras.Model, processor: str = "/proc/cpuinfo") -> str:
    """Returns a notice if the processor would be faster in bfloat16; "" otherwise.

    Args:
        precision: The precision of the run.
        model: The network.
        processor: The file that lists the processor's flags.
    """
    if precision != "float32" or tf.config.list_physical_devices("GPU"):
        return ""
    # Processors compute these more slowly in bfloat16.
    slow = keras.layers.DepthwiseConv2D, keras.layers.SeparableConv2D
    if any(isinstance(layer, slow) for layer in model._flatten_layers()):
        return ""
    try:
        words = pathlib.Path(processor).read_text().split()
    except OSError:
        return ""
    available = [name for name in _INSTRUCTIONS if name in words]
    if not available:
        return ""
    return (
        f"this processor has {available[0]}: --precision=bfloat16 makes convolutions "
        f"and matrix products several times as fast"
    )


@contextlib.contextmanager
def policy(precision: str) -> Iterator[None]:
    """Sets Keras's dtype policy for layers that are created inside the block.

    Their variables are float32 in every precision.

    Args:
        precision: "float32", "bfloat16" or "float16".
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(_POLICIES[precision])
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


class LossScale:
    """Dynamic loss scaling, so that small float16 gradients do not underflow.

    Create it inside the strategy's scope.

    Attributes:
        scale: float32 variable, the factor of the loss.
        good_steps: int32 variable, the steps since the factor last changed.
    """

    def __init__(self) -> None:
        self.scale = state_variable(_INITIAL_SCALE, tf.float32)
        self.good_steps = state_variable(0, tf.int32)

    @property
    def variables(self) -> dict[str, tf.Variable]:
        """The state, to be saved in checkpoints, by name."""
        return {"scale": self.scale, "good": self.good_steps}

    def unscale(self, gradients: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Divides gradients of the scaled loss by the factor."""
        return [gradient / self.scale for gradient in gradients]

    def update(self, is_finite: tf.Tensor) -> None:
        """Adapts the factor.

        Args:
            is_finite: bool scalar, whether all gradients of the last step were finite.
        """
        is_growing = is_finite & (self.good_steps + 1 >= _GROWTH_STEPS)
        factor = tf.where(is_finite, tf.where(is_growing, 2.0, 1.0), 0.5)
        good_steps = tf.where(is_finite & ~is_growing, self.good_steps + 1, 0)
        self.scale.assign(tf.maximum(self.scale * factor, 1.0))
        self.good_steps.assign(good_steps)
