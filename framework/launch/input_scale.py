"""Warns if images have another scale than those that a network was trained on before.

A batch normalization stores the mean and variance of its inputs. Those of a batch of
images differ by the factor of the pixels, where only linear layers are in between.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from framework.augment import normalize
from framework.augment.normalize import Normalizer
from framework.models import names

# Specs to compare with, and the pixels that they give.
_SCALES = {"raw": "0 to 255", "unit": "0 to 1", "symmetric": "-1 to 1"}
# Images to compare with the moments.
IMAGES = 64


@dataclasses.dataclass(frozen=True)
class Thresholds:
    """When the scale of images counts as wrong.

    Attributes:
        factor: The minimum ratio of standard deviations, in either direction, as the
            median over channels. Between pixels from 0 to 255 and the other scales it
            is 127 or 255. Between 0 to 1 and -1 to 1 it is 2, which images of another
            contrast have too.
        better: The maximum distance of another scale, relative to that of the actual
            one. A distance combines the logarithm of the ratio and the difference of
            means in standard deviations. Images of another kind differ from the stored
            moments in every scale; only for the wrong scale is another much better.
    """

    factor: float = 3.0
    better: float = 0.5


@dataclasses.dataclass(frozen=True)
class Moments:
    """How the inputs of a batch normalization differ from its stored moments.

    Attributes:
        ratio: The ratio of the standard deviations; the median over channels.
        distance: The root of the sum of squares of the logarithm of the ratio, and of
            the difference of the means in stored standard deviations; the median.
    """

    ratio: float
    distance: float


def notice(
    model: keras.Model,
    scaling: Normalizer,
    images: np.ndarray,
    thresholds: Thresholds | None = None,
) -> str:
    """Returns a warning if the scale of images looks wrong; "" otherwise.

    Args:
        model: A built model.
        scaling: The normalization of pixels in use.
        images: [N, height, width, C], of the data set.
        thresholds: When the scale counts as wrong.
    """
    thresholds = thresholds or Thresholds()
    norm = _first_trained_norm(model)
    if norm is None or not len(images):
        return ""
    actual = measure(model, norm, scaling(images))
    if actual is None:
        return ""
    factor = max(actual.ratio, 1 / max(actual.ratio, 1e-30))
    if factor < thresholds.factor:
        return ""
    others = {}
    for spec in _SCALES:
        known = normalize.restored(spec, images.dtype, {})
        moments = measure(model, norm, known(images))
        others[spec] = moments.distance if moments else np.inf
    best = min(others, key=others.__getitem__)
    if others[best] > thresholds.better * actual.distance:
        return ""
    return (
        f"the images have another scale than those that the network was trained on: "
        f"inputs of {norm.name} vary by a factor of {actual.ratio:.3g} compared with "
        f"its stored variance; pixels from {_SCALES[best]} fit: --normalize={best}"
    )


def measure(
    model: keras.Model, norm: keras.layers.Layer, images: Any
) -> Moments | None:
    """Compares the inputs of a batch normalization with its stored moments.

    Args:
        model: The model, called in evaluation mode.
        norm: A batch normalization in it.
        images: float32 [N, height, width, C], normalized.

    Returns:
        None if the layer is not called, or has no channel that varies.
    """
    seen: list[np.ndarray] = []
    vars(norm)["call"] = _kept(norm.call, seen)
    try:
        model(images, training=False)
    finally:
        vars(norm).pop("call", None)
    if not seen:
        return None
    axis = norm.axis % seen[0].ndim
    rows = np.moveaxis(seen[0], axis, -1).reshape(-1, seen[0].shape[axis])
    mean, std = norm.moving_mean.numpy(), np.sqrt(norm.moving_variance.numpy())
    # A channel that never varied says nothing about the scale.
    varies = (std > 1e-6 * max(std.max(), 1e-30)) & (rows.std(axis=0) > 0)
    if not varies.any():
        return None
    logs = np.log(rows.std(axis=0)[varies] / std[varies])
    shifts = (rows.mean(axis=0)[varies] - mean[varies]) / std[varies]
    distance = np.median(np.hypot(logs, shifts))
    return Moments(float(np.exp(np.median(logs))), float(distance))


def _first_trained_norm(model: keras.Model) -> keras.layers.Layer | None:
    """Returns the first batch normalization; None if its moments are initial."""
    for weight in names.weights(model):
        if weight.variable.name == "moving_mean":
            norm = weight.layer
            is_new = not np.any(norm.moving_mean.numpy()) and np.all(
                norm.moving_variance.numpy() == 1
            )
            return None if is_new else norm
    return None


def _kept(call: Callable[..., Any], seen: list[np.ndarray]) -> Callable[..., Any]:
    def keep(inputs: Any, *args: Any, **kwargs: Any) -> Any:
        seen.append(np.asarray(keras.ops.convert_to_numpy(inputs), np.float32))
        return call(inputs, *args, **kwargs)

    return keep
