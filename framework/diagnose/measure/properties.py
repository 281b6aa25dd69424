"""Properties of an image as numbers, such as brightness and sharpness."""

from __future__ import annotations

import numpy as np

from framework.diagnose.measure.features import Scale, shrunk, with_channels

# Properties of larger images are as well seen in smaller ones.
_SIDE = 64
# Of the median of |second differences both ways|, by the standard deviation of noise.
_MEDIAN_OF_NOISE = 6 * 0.6745
_DARK = 0.02
NAMES = (
    "brightness",
    "contrast",
    "colour temperature",
    "tint",
    "saturation",
    "sharpness",
    "noise",
    "size",
    "horizontal position",
    "vertical position",
    "angle",
    "tilt",
)


def properties(images: np.ndarray, scale: Scale) -> dict[str, np.ndarray]:
    """Returns float64 [N] by name; those of colour are 0 without colours.

    They are defined such that a change of one changes the others little:
    brightness is on a log scale, contrast is relative to brightness, sharpness and
    noise are relative to contrast.

    Args:
        images: [N, height, width, C] or [N, height, width].
        scale: Scales them to 0 to 1.
    """
    unit = shrunk(scale.unit(with_channels(images)), _SIDE).astype(np.float64)
    grey = unit.mean(axis=3)
    mean, spread = grey.mean(axis=(1, 2)), grey.std(axis=(1, 2))
    fine, coarse, noise = _details(grey)
    values = {
        "brightness": np.log2(np.maximum(mean, _DARK)),
        "contrast": np.log2((spread + _DARK) / (mean + _DARK)),
        "sharpness": np.log2((fine + 1e-3) / (coarse + 1e-3)),
        "noise": np.log2((noise + 1e-3) / (spread + _DARK)),
        **_colours(unit),
        **_mass(grey),
    }
    return {name: values[name] for name in NAMES}


def noise_level(images: np.ndarray, scale: Scale) -> float:
    """Returns the standard deviation of a value's noise, in the images' own units."""
    unit = scale.unit(with_channels(images))
    levels = [_details(unit[..., channel])[2] for channel in range(unit.shape[3])]
    width = scale.high - scale.low
    return float(np.median(levels)) / _MEDIAN_OF_NOISE * width


def _colours(unit: np.ndarray) -> dict[str, np.ndarray]:
    if unit.shape[3] != 3:
        nothing = np.zeros(len(unit))
        return dict.fromkeys(("colour temperature", "tint", "saturation"), nothing)
    red, green, blue = np.log2(np.maximum(unit.mean(axis=(1, 2)), _DARK)).T
    most, least = unit.max(axis=3), unit.min(axis=3)
    return {
        "colour temperature": red - blue,
        "tint": green - (red + blue) / 2,
        "saturation": ((most - least) / (most + _DARK)).mean(axis=(1, 2)),
    }


def _details(grey: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns differences of neighbours, of pixels further apart, and noise."""
    near = [np.diff(grey, axis=axis) for axis in (1, 2)]
    far = [grey[:, 2:] - grey[:, :-2], grey[:, :, 2:] - grey[:, :, :-2]]
    fine, coarse = (
        np.sqrt(sum((each**2).mean(axis=(1, 2)) for each in pair))
        for pair in (near, far)
    )
    # What is left of a pixel once its neighbours are taken off (Immerkaer, 1996); the
    # median is that of areas without an edge.
    cross = np.diff(np.diff(grey, 2, axis=1), 2, axis=2)
    return fine, coarse, np.median(np.abs(cross), axis=(1, 2))


def _mass(grey: np.ndarray) -> dict[str, np.ndarray]:
    """Returns position, size and orientation of what differs from the border."""
    border = np.concatenate(
        [grey[:, 0], grey[:, -1], grey[:, :, 0], grey[:, :, -1]], axis=1
    )
    out = np.abs(grey - np.median(border, axis=1)[:, None, None])
    # Noise and texture of the ground are less than half of what stands out.
    out = np.maximum(out - 0.5 * out.max(axis=(1, 2), keepdims=True), 0) + 1e-9
    out /= out.sum(axis=(1, 2), keepdims=True)
    down, right = np.meshgrid(
        *(np.linspace(-0.5, 0.5, size) for size in grey.shape[1:]), indexing="ij"
    )
    middle_down = (out * down).sum(axis=(1, 2))
    middle_right = (out * right).sum(axis=(1, 2))
    down = down - middle_down[:, None, None]
    right = right - middle_right[:, None, None]
    vertical = (out * down**2).sum(axis=(1, 2))
    horizontal = (out * right**2).sum(axis=(1, 2))
    both = (out * down * right).sum(axis=(1, 2))
    total = vertical + horizontal + 1e-9
    return {
        "size": np.log2(np.sqrt(total) + 1e-3),
        "horizontal position": middle_right,
        "vertical position": middle_down,
        # Of the long axis, doubled so that turned by 180 degrees it is the same.
        "angle": 2 * both / total,
        "tilt": (horizontal - vertical) / total,
    }
