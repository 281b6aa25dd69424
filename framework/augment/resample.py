"""One resampling of each image of a batch, where its matrix says."""

from __future__ import annotations

import tensorflow as tf

FILLS = ("nearest", "constant", "reflect", "wrap")
INTERPOLATIONS = ("bilinear", "nearest")
FORMS = ("gather", "matmul")


def warp(
    images: tf.Tensor,
    matrices: tf.Tensor,
    fill: str = "nearest",
    cval: float = 0.0,
    interpolation: str = "bilinear",
    form: str = "",
) -> tf.Tensor:
    """Resamples each image where its matrix says.

    Beyond the edge the rules are those of `scipy.ndimage.affine_transform`: "nearest"
    repeats the last pixel, "reflect" mirrors including it, "wrap" repeats with a period
    of one pixel less than the size, "constant" is `cval` for all that is outside.

    Args:
        images: float [B, height, width, C].
        matrices: float [B, 2, 3], from (x, y, 1) in the new image to (x, y) in the old,
            in pixels; x is the column. Places are computed in float64 for images of
            float64, in float32 for all others.
        fill: One of `FILLS`.
        cval: The value of "constant".
        interpolation: One of `INTERPOLATIONS`.
        form: "gather" or "matmul"; both give the same image. Empty for what suits the
            machine: a TPU gathers slowly.

    Returns:
        Images of the same shape and type.

    Raises:
        TypeError: Images are not floats.
        ValueError: The shapes do not fit, or are not known; or there is no such fill,
            interpolation or form.
    """
    images = tf.convert_to_tensor(images)
    precise = tf.float64 if images.dtype == tf.float64 else tf.float32
    matrices = tf.cast(matrices, precise)
    form = form or _form()
    _check(images, matrices, fill, interpolation, form)
    height, width = images.shape[1:3]
    x, y = _sources(matrices, height, width)
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    x, y = _folded(x, width, fill), _folded(y, height, fill)
    if interpolation == "nearest":
        x, y = tf.floor(x + 0.5), tf.floor(y + 0.5)
    result = (_multiplied if form == "matmul" else _gathered)(images, x, y)
    if fill == "constant":
        result = tf.where(inside[:, :, None], result, tf.cast(cval, images.dtype))
    return tf.reshape(result, tf.shape(images))


def _check(
    images: tf.Tensor, matrices: tf.Tensor, fill: str, interpolation: str, form: str
) -> None:
    if not images.dtype.is_floating:
        raise TypeError(f"images must be of floats, not {images.dtype.name}")
    expected = tf.TensorShape([images.shape[0] if images.shape.rank else None, 2, 3])
    if images.shape.rank != 4 or not expected.is_compatible_with(matrices.shape):
        raise ValueError(
            f"images must be [B, height, width, C] and matrices [B, 2, 3], not "
            f"{images.shape} and {matrices.shape}"
        )
    if None in images.shape[1:]:
        raise ValueError(
            f"height, width and channels must be known when a graph is made, but are "
            f"{images.shape}; give the tensor its shape by tf.ensure_shape"
        )
    for value, known in (
        (fill, FILLS),
        (interpolation, INTERPOLATIONS),
        (form, FORMS),
    ):
        if value not in known:
            raise ValueError(f"{value!r} is none of {', '.join(known)}")


def _form() -> str:
    return "matmul" if tf.config.list_logical_devices("TPU") else "gather"


def _sources(
    matrices: tf.Tensor, height: int, width: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns where each new pixel comes from: x and y, each [B, height * width]."""
    column = tf.tile(tf.range(width, dtype=matrices.dtype), [height])[None]
    row = tf.repeat(tf.range(height, dtype=matrices.dtype), width)[None]
    a, b, c, d, e, f = (
        tf.reshape(entry, [-1, 1])
        for entry in tf.unstack(tf.reshape(matrices, [-1, 6]), axis=1)
    )
    # Not a matrix product: those lose whole pixels where they are done in bfloat16.
    return a * column + b * row + c, d * column + e * row + f


def _folded(place: tf.Tensor, size: int, fill: str) -> tf.Tensor:
    """Returns the places from 0 to size - 1 that show what is at any place."""
    if fill == "reflect":
        # The mirrors stand half a pixel beyond the first and the last.
        place = tf.math.floormod(place + 0.5, 2.0 * size)
        place = tf.minimum(place, 2.0 * size - place) - 0.5
    elif fill == "wrap" and size > 1:
        outside = (place < 0) | (place > size - 1)
        place = tf.where(outside, tf.math.floormod(place, size - 1.0), place)
    return tf.clip_by_value(place, 0.0, size - 1.0)


def _gathered(images: tf.Tensor, x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """Returns [B, places, C]: a mean of the four pixels around each place."""
    _, height, width, channels = images.shape
    pixels = tf.reshape(images, [-1, height * width, channels])
    left, top = tf.floor(x), tf.floor(y)
    right, down = (x - left)[:, :, None], (y - top)[:, :, None]
    right, down = tf.cast(right, images.dtype), tf.cast(down, images.dtype)
    columns = [tf.cast(left, tf.int32)]
    columns.append(tf.minimum(columns[0] + 1, width - 1))
    rows = [tf.cast(top, tf.int32)]
    rows.append(tf.minimum(rows[0] + 1, height - 1))

    def pixel(row: int, column: int) -> tf.Tensor:
        index = rows[row] * width + columns[column]
        return tf.gather(pixels, index, batch_dims=1)

    upper = pixel(0, 0) * (1 - right) + pixel(0, 1) * right
    lower = pixel(1, 0) * (1 - right) + pixel(1, 1) * right
    return upper * (1 - down) + lower * down


def _multiplied(images: tf.Tensor, x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """Returns what `_gathered` does, as a product with weights of all rows and columns.

    On a TPU it is exact in float32 if matrix products are: see
    `tf.config.experimental.enable_tensor_float_32_execution`.
    """
    _, height, width, channels = images.shape
    rows = tf.reshape(images, [-1, height, width * channels])
    mixed = tf.matmul(_hat(y, height, images.dtype), rows)
    mixed = tf.reshape(mixed, [-1, height * width, width, channels])
    return tf.reduce_sum(mixed * _hat(x, width, images.dtype)[..., None], axis=2)


def _hat(place: tf.Tensor, size: int, dtype: tf.DType) -> tf.Tensor:
    """Returns [B, places, size]: how much each row or column counts at a place."""
    distance = tf.abs(place[:, :, None] - tf.range(size, dtype=place.dtype))
    return tf.cast(tf.nn.relu(1.0 - distance), dtype)
