"""Small vision transformers."""

from __future__ import annotations

import keras

from framework.errors import UsageError


def vit(
    image_shape: tuple[int, int, int],
    num_classes: int,
    patch: int = 4,
    width: int = 192,
    depth: int = 6,
    heads: int = 3,
    dropout: float = 0.0,
) -> keras.Model:
    """Builds a vision transformer (Dosovitskiy et al., 2021) with mean pooling.

    Normalization comes before attention and before the dense layers of a block.

    >>> vit((8, 8, 3), 10, width=16, depth=1, heads=2).count_params()
    4330

    Args:
        image_shape: Height, width and channels.
        num_classes: The number of classes.
        patch: Height and width of the patches that become tokens.
        width: The channels of a token.
        depth: The number of blocks.
        heads: The number of heads of attention, a divisor of `width`.
        dropout: Fraction to drop of what each half of a block adds, in training.

    Returns:
        A model from images [B, height, width, channels] to logits [B, num_classes].

    Raises:
        UsageError: The patches do not divide the images, or the heads the width.
    """
    # Imported late: they define Keras layers, which imports TensorFlow.
    from framework.models.layers import Dropout
    from framework.models.transformer import GELU, LayerNorm, Positions, SelfAttention

    if patch < 1 or any(side % patch for side in image_shape[:2]):
        raise UsageError(
            f"patch must divide the height and width of the images, {image_shape[0]} "
            f"and {image_shape[1]}, not {patch}"
        )
    if heads < 1 or width < 1 or width % heads:
        raise UsageError(f"heads must divide width={width}, not {heads}")
    if depth < 1:
        raise UsageError(f"depth must be at least 1, not {depth}")
    inputs = keras.Input(image_shape)
    tokens = keras.layers.Conv2D(width, patch, patch)(inputs)
    tokens = Positions()(keras.layers.Reshape((-1, width))(tokens))
    for _ in range(depth):
        attended = SelfAttention(heads)(LayerNorm()(tokens))
        tokens = keras.layers.Add()([tokens, Dropout(dropout)(attended)])
        inner = GELU()(keras.layers.Dense(4 * width)(LayerNorm()(tokens)))
        inner = keras.layers.Dense(width)(inner)
        tokens = keras.layers.Add()([tokens, Dropout(dropout)(inner)])
    features = keras.layers.GlobalAveragePooling1D()(LayerNorm()(tokens))
    logits = keras.layers.Dense(num_classes, dtype="float32")(features)
    return keras.Model(inputs, logits, name="vit")
