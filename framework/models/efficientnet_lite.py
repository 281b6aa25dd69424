"""EfficientNet-Lite, small networks for photographs."""

from __future__ import annotations

import dataclasses
import math

import keras

from framework.errors import UsageError


@dataclasses.dataclass(frozen=True)
class _Stage:
    """Blocks of one size.

    Attributes:
        blocks: How many there are in the smallest network.
        kernel: The side of the depthwise filters.
        stride: Of the first block.
        expansion: How many times more channels there are inside a block.
        filters: Channels of the outputs in the smallest network.
    """

    blocks: int
    kernel: int
    stride: int
    expansion: int
    filters: int


# Table 1 of Tan & Le (2019). Lite has no squeeze and excitation, ReLU6 for swish,
# and neither scales the first and last convolution nor the depth of these two stages.
_STAGES = (
    _Stage(1, 3, 1, 1, 16),
    _Stage(2, 3, 2, 6, 24),
    _Stage(2, 5, 2, 6, 40),
    _Stage(3, 3, 2, 6, 80),
    _Stage(3, 5, 1, 6, 112),
    _Stage(4, 5, 2, 6, 192),
    _Stage(1, 3, 1, 6, 320),
)
# Factors of width and depth, and dropout, of Lite0 to Lite4.
_SIZES = (
    (1.0, 1.0, 0.2),
    (1.0, 1.1, 0.2),
    (1.1, 1.2, 0.3),
    (1.2, 1.4, 0.3),
    (1.4, 1.8, 0.3),
)
_STEM, _HEAD = 32, 1280
# Channels are rounded to multiples of this.
_DIVISOR = 8


def efficientnet_lite(
    image_shape: tuple[int, int, int],
    num_classes: int,
    size: int = 0,
    momentum: float = 0.99,
) -> keras.Model:
    """Builds EfficientNet-Lite0 to 4 (Tan & Le, 2019), which scale pixels themselves.

    It takes pixels from 0 to 255. Layers have the names of the weights of PyTorch's
    package efficientnet_lite_pytorch, so that `--init_from` can read its .pth files.

    >>> model = efficientnet_lite((32, 32, 3), 1000)
    >>> sum(variable.shape.num_elements() for variable in model.trainable_variables)
    4652008

    Args:
        image_shape: Height, width and channels.
        num_classes: The number of classes.
        size: From 0 to 4.
        momentum: Of the moving averages of batch normalization, which cover the last
            1 / (1 - momentum) steps. From random weights in few hundred steps, .9: the
            averages of 100 steps lag behind weights that change fast.

    Returns:
        A model from images [B, height, width, channels] to logits [B, num_classes].

    Raises:
        UsageError: There is no such size, or momentum is not between 0 and 1.
    """
    # Imported late: it defines Keras layers, which imports TensorFlow.
    from framework.models.layers import BatchNorm, Dropout

    if not 0 <= size < len(_SIZES):
        raise UsageError(f"size must be from 0 to {len(_SIZES) - 1}, not {size}")
    if not 0 < momentum < 1:
        raise UsageError(f"momentum must be between 0 and 1, not {momentum}")
    width, depth, dropout = _SIZES[size]
    inputs = keras.Input(image_shape)
    # As (pixel - 127) / 128, with which the weights were trained.
    features = keras.layers.Rescaling(1 / 128, offset=-127 / 128)(inputs)
    features = _convolved(features, _STEM, 3, 2, "conv_stem", "bn0")
    index = 0
    for stage in _STAGES:
        is_scaled = stage not in (_STAGES[0], _STAGES[-1])
        blocks = math.ceil(stage.blocks * depth) if is_scaled else stage.blocks
        for block in range(blocks):
            stride = 1 if block else stage.stride
            name = f"blocks_{index}"
            features = _block(
                features, stage, stride, _rounded(stage.filters, width), name
            )
            index += 1
    features = _convolved(features, _HEAD, 1, 1, "conv_head", "bn1")
    features = keras.layers.GlobalAveragePooling2D()(features)
    features = Dropout(dropout)(features)
    logits = keras.layers.Dense(num_classes, name="fc", dtype="float32")(features)
    model = keras.Model(inputs, logits, name=f"efficientnet_lite{size}")
    for layer in model.layers:
        if isinstance(layer, BatchNorm):
            layer.momentum = momentum
    return model


def _block(
    inputs: keras.KerasTensor, stage: _Stage, stride: int, filters: int, name: str
) -> keras.KerasTensor:
    """Expands the channels, filters each on its own, and projects to fewer channels."""
    channels = int(inputs.shape[-1])
    features = inputs
    if stage.expansion > 1:
        features = _convolved(
            features,
            channels * stage.expansion,
            1,
            1,
            f"{name}_expand_conv",
            f"{name}_bn0",
        )
    features = keras.layers.DepthwiseConv2D(
        stage.kernel,
        stride,
        "same",
        use_bias=False,
        depthwise_initializer="he_normal",
        name=f"{name}_depthwise_conv",
    )(features)
    features = _activated(features, f"{name}_bn1")
    features = keras.layers.Conv2D(
        filters,
        1,
        use_bias=False,
        kernel_initializer="he_normal",
        name=f"{name}_project_conv",
    )(features)
    features = _normalized(features, f"{name}_bn2")
    if stride == 1 and channels == filters:
        features = keras.layers.Add()([features, inputs])
    return features


def _convolved(
    features: keras.KerasTensor,
    filters: int,
    kernel: int,
    stride: int,
    name: str,
    norm: str,
) -> keras.KerasTensor:
    features = keras.layers.Conv2D(
        filters,
        kernel,
        stride,
        "same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )(features)
    return _activated(features, norm)


def _activated(features: keras.KerasTensor, norm: str) -> keras.KerasTensor:
    return keras.layers.ReLU(6.0)(_normalized(features, norm))


def _normalized(features: keras.KerasTensor, name: str) -> keras.KerasTensor:
    from framework.models.layers import batch_norm

    return batch_norm(epsilon=1e-3, name=name)(features)


def _rounded(filters: int, width: float) -> int:
    """Returns scaled channels as a multiple of 8, at most a tenth below.

    >>> _rounded(24, 1.1), _rounded(112, 1.1)
    (24, 120)
    """
    scaled = filters * width
    new = max(_DIVISOR, int(scaled + _DIVISOR / 2) // _DIVISOR * _DIVISOR)
    return new + _DIVISOR if new < 0.9 * scaled else new
