"""Augmentation of training images: what an `--augment` spec can name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from framework import spec
from framework.augment import color, geometry
from framework.augment.policy import Policy

AUGMENTATIONS: dict[str, Callable[..., Any]] = {
    "rotate": geometry.Rotate,
    "shift": geometry.Shift,
    "shear": geometry.Shear,
    "zoom": geometry.Zoom,
    "flip": geometry.Flip,
    "fill": geometry.Fill,
    "brightness": color.Brightness,
}


def build(text: str, clip: bool = True) -> Policy | None:
    """Returns the augmentation that a spec describes; None if it is empty.

    Args:
        text: Members joined by "+".
        clip: Whether values stay from 0 to 255.

    Raises:
        UsageError: The spec is wrong; the place is marked.
    """
    members = tuple(
        (call.name, spec.build(call, AUGMENTATIONS, "augmentation"))
        for call in spec.parts(text)
    )
    return Policy(members, clip) if members else None


__all__ = ["AUGMENTATIONS", "Policy", "build"]
