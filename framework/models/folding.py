"""Batch normalization in evaluation, folded into the convolution before it."""

from __future__ import annotations

import math
from collections.abc import Callable

import tensorflow as tf

# Types of operations; the last axis of their outputs is that of the channels.
_CONVOLUTIONS = ("Conv2D", "DepthwiseConv2dNative")
_ADDITIONS = ("AddV2", "BiasAdd")
_DTYPES = (tf.float32, tf.bfloat16)


def folded(inputs: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor) -> tf.Tensor | None:
    """Returns `inputs * scale + offset`, if the inputs come from a convolution.

    The filters are multiplied by the scale instead of the outputs, if these are larger.
    TensorFlow then computes the convolution, the offset and a ReLU that follows as one
    operation. The convolution whose outputs are no longer used is pruned from the
    graph. Results differ by rounding.

    Args:
        inputs: [rows, height, width, channels].
        scale: float32 [channels].
        offset: float32 [channels].

    Returns:
        A tensor like `inputs`; None if they are not the outputs of a convolution in a
        graph, in float32 or bfloat16, or fewer than the filters have weights. Of an
        unknown number of rows, one is counted.
    """
    if not tf.is_symbolic_tensor(inputs) or inputs.dtype not in _DTYPES:
        return None
    convolution = inputs.op
    if convolution.type in _ADDITIONS:
        addend, bias = convolution.inputs
        channels = inputs.shape[-1]
        if bias.shape[-1:] != [channels] or bias.shape.num_elements() != channels:
            return None
        convolution = addend.op
        offset += tf.reshape(tf.cast(bias, tf.float32), [-1]) * scale
    if (
        convolution.type not in _CONVOLUTIONS
        or convolution.get_attr("data_format") != b"NHWC"
    ):
        return None
    weights = convolution.inputs[1].shape.num_elements()
    rows, *others = inputs.shape
    if None in others or (rows or 1) * math.prod(others) < weights:
        return None
    outputs = _with_scaled_filters(convolution, scale)
    return tf.nn.bias_add(outputs, tf.cast(offset, inputs.dtype))


def _with_scaled_filters(convolution: tf.Operation, scale: tf.Tensor) -> tf.Tensor:
    """Returns the outputs of the same convolution with scaled filters."""
    images, filters = convolution.inputs
    # The float32 filters, so that those of bfloat16 are rounded once.
    source = filters.op.inputs[0] if filters.op.type == "Cast" else filters
    source = tf.cast(source, tf.float32)
    # Filters are [height, width, inputs, outputs]; depthwise ones have all channels in
    # the last two axes.
    is_depthwise = convolution.type == "DepthwiseConv2dNative"
    factors = tf.reshape(scale, filters.shape[2:]) if is_depthwise else scale
    operation: Callable[..., tf.Tensor] = getattr(tf.raw_ops, convolution.type)
    return operation(
        input=images,
        filter=tf.cast(source * factors, filters.dtype),
        **{
            name: convolution.get_attr(name)
            for name in ("strides", "padding", "explicit_paddings", "dilations")
        },
    )
