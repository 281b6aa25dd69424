"""Inputs that are not of the scale that initial weights are made for."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.diagnose.change import Change
from framework.diagnose.detector import Measures
from framework.diagnose.finding import Evidence, Finding, Remedy
from framework.diagnose.subject import Subject

_IMAGES = 512
# Glorot's and He's initial weights suppose inputs of standard deviation 1. Scaled to 0
# to 1 images have 0.2 to 0.4, standardised ones 1, raw bytes 60 to 90.
_LOW, _HIGH = 0.05, 5.0
_OFFSET = 5.0
_NORMALIZES = {
    *("Normalization", "Rescaling", "BatchNormalization", "LayerNormalization"),
    *("GroupNormalization", "UnitNormalization"),
}
_PASSES = {"InputLayer", "Flatten", "Reshape", "Permute", "ZeroPadding2D", "Resizing"}


def measure(subject: Subject) -> dict[str, Any]:
    """Measures the scale of what the first layer sees, by channel."""
    images = subject.train.images[:_IMAGES]
    values = np.asarray(subject.program.inputs(images), np.float64)
    flat = values.reshape(-1, values.shape[-1])
    spread, mean = flat.std(axis=0), flat.mean(axis=0)
    # Corners of flattened images are always black.
    varies = spread > 0
    if not varies.any():
        return {}
    spread, mean = spread[varies], np.abs(mean[varies])
    # Of pixels as features few are as usual; the one in the middle is.
    return {
        "inputs/spread": float(np.median(spread)),
        "inputs/largest_spread": float(spread.max()),
        "inputs/offset": float(np.median(mean / spread)),
        "inputs/normalized_by": _first_normalization(subject.program.model),
    }


def rule(measures: Measures) -> Finding | None:
    """Fires where inputs are far too large, too small, or too far from 0."""
    spread, largest = measures["inputs/spread"], measures["inputs/largest_spread"]
    offset = measures["inputs/offset"]
    is_usual = spread >= _LOW and largest <= _HIGH and offset <= _OFFSET
    if is_usual or measures["inputs/normalized_by"]:
        return None
    return Finding(
        cause="unnormalized_inputs",
        status="suspected",
        message=(
            f"the network sees inputs of standard deviation {spread:.3g}, at most "
            f"{largest:.3g}, and a mean {offset:.3g} times as large; its weights were "
            f"drawn for inputs around 0 of about 1"
        ),
        evidence=(
            Evidence(
                "standard deviation of a channel",
                spread,
                f"below {_LOW}",
                "scaled images have 0.2 to 0.4, standardised ones 1",
            ),
            Evidence(
                "largest standard deviation",
                largest,
                f"above {_HIGH:g}",
                "bytes have 60 to 90",
            ),
            Evidence(
                "mean as a multiple of the standard deviation",
                offset,
                f"above {_OFFSET:g}",
                "images from 0 to 1 have 1 to 3",
            ),
        ),
        remedy=Remedy(
            "scale inputs to mean 0 and standard deviation 1, with the statistics of "
            "the training images in both splits",
            ("--normalize=standard",),
        ),
        refute="a run on standardised inputs that ends no higher",
    )


def change(measures: Measures) -> Change:
    """Returns what would mend it."""
    return Change(standardize=True)


def _first_normalization(model: Any) -> str:
    """Returns the kind of the first layer that does something, if it normalises."""
    for layer in getattr(model, "layers", ()):
        kind = type(layer).__name__
        if kind in _NORMALIZES:
            return kind
        if kind not in _PASSES:
            break
    return ""
