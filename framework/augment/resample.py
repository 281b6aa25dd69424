"""Resampling of images by affine matrices."""

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
    """Resamples each image at the coordinates given by its matrix.

    Beyond the edge the rules are those of `scipy.ndimage.affine_transform`: "nearest"
    repeats the last pixel, "reflect" mirrors including it, "wrap" repeats with a period
    of one pixel less than the size, "constant" uses `cval` outside.

    >>> images = tf.constant([1.0, 2.0, 3.0], shape=[1, 1, 3, 1])
    >>> shift = tf.constant([[[1.0, 0.0, 0.5], [0.0, 1.0, 0.0]]])
    >>> warp(images, shift).numpy().ravel().tolist()
    [1.5, 2.5, 3.0]

    Args:
        images: float [B, height, width, C].
        matrices: float [B, 2, 3], from (x, y, 1) in the new image to (x, y) in the old,
            in pixels; x is the column. Coordinates are computed in float64 for float64
            images, otherwise in float32.
        fill: One of `FILLS`.
        cval: The value of "constant".
        interpolation: One of `INTERPOLATIONS`.
        form: "gather" or "matmul"; both give the same image. Empty to choose by the
            device: TPUs gather slowly.

    Returns:
        Images of the same shape and type.

    Raises:
        TypeError: The images are not floats.
        ValueError: The shapes do not fit or are unknown, or `fill`, `interpolation` or
            `form` is unknown.
    """
    images = tf.convert_to_tensor(images)
    precision = tf.float64 if images.dtype == tf.float64 else tf.float32
    matrices = tf.cast(matrices, precision)
    form = form or _default_form()
    _check(images, matrices, fill, interpolation, form)
    height, width = images.shape[1:3]
    x, y = _source_coordinates(matrices, height, width)
    is_inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    x, y = _fold(x, width, fill), _fold(y, height, fill)
    if interpolation == "nearest":
        x, y = tf.floor(x + 0.5), tf.floor(y + 0.5)
    resample = _resample_by_matmul if form == "matmul" else _resample_by_gather
    result = resample(images, x, y)
    if fill == "constant":
        result = tf.where(is_inside[:, :, None], result, tf.cast(cval, images.dtype))
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
            f"height, width and channels must be known at tracing, but the shape is "
            f"{images.shape}; set the static shape with tf.ensure_shape"
        )
    for name, value, known in (
        ("fill", fill, FILLS),
        ("interpolation", interpolation, INTERPOLATIONS),
        ("form", form, FORMS),
    ):
        if value not in known:
            raise ValueError(f"{name} must be one of {', '.join(known)}, not {value!r}")


def _default_form() -> str:
    return "matmul" if tf.config.list_logical_devices("TPU") else "gather"


def _source_coordinates(
    matrices: tf.Tensor, height: int, width: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the old coordinates of each new pixel: x, y, each [B, height * width]."""
    column = tf.tile(tf.range(width, dtype=matrices.dtype), [height])[None]
    row = tf.repeat(tf.range(height, dtype=matrices.dtype), width)[None]
    a, b, c, d, e, f = (
        tf.reshape(entry, [-1, 1])
        for entry in tf.unstack(tf.reshape(matrices, [-1, 6]), axis=1)
    )
    # Not a matrix product: in bfloat16, as on TPUs, errors exceed a pixel.
    return a * column + b * row + c, d * column + e * row + f


def _fold(coordinate: tf.Tensor, size: int, fill: str) -> tf.Tensor:
    """Maps coordinates beyond the edge to the range 0 to size - 1."""
    if fill == "reflect":
        # The mirrors are half a pixel beyond the first and the last pixel.
        coordinate = tf.math.floormod(coordinate + 0.5, 2.0 * size)
        coordinate = tf.minimum(coordinate, 2.0 * size - coordinate) - 0.5
    elif fill == "wrap" and size > 1:
        is_outside = (coordinate < 0) | (coordinate > size - 1)
        wrapped = tf.math.floormod(coordinate, size - 1.0)
        coordinate = tf.where(is_outside, wrapped, coordinate)
    return tf.clip_by_value(coordinate, 0.0, size - 1.0)


def _resample_by_gather(images: tf.Tensor, x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """Interpolates between the four nearest pixels, gathered by index: [B, n, C].

    Args:
        images: float [B, height, width, C].
        x: Columns to sample at, [B, n].
        y: Rows to sample at, [B, n].
    """
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


def _resample_by_matmul(images: tf.Tensor, x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """Does the same as `_resample_by_gather` by multiplication with hat functions.

    On a TPU it has float32 precision if matrix products have: see
    `tf.config.experimental.enable_tensor_float_32_execution`.
    """
    _, height, width, channels = images.shape
    rows = tf.reshape(images, [-1, height, width * channels])
    mixed = tf.matmul(_hat_weights(y, height, images.dtype), rows)
    mixed = tf.reshape(mixed, [-1, height * width, width, channels])
    return tf.reduce_sum(
        mixed * _hat_weights(x, width, images.dtype)[..., None], axis=2
    )


def _hat_weights(coordinate: tf.Tensor, size: int, dtype: tf.DType) -> tf.Tensor:
    """Returns the weights of rows or columns in linear interpolation, [B, n, size]."""
    distance = tf.abs(coordinate[:, :, None] - tf.range(size, dtype=coordinate.dtype))
    return tf.cast(tf.nn.relu(1.0 - distance), dtype)
