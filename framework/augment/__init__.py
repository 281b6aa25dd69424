"""The augmentations that an `--augment` spec can name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from framework.augment import choice, color, erase, filters, geometry, mix
from framework.augment.augmix import AugMix
from framework.augment.color import Photometric
from framework.augment.geometry import Fill, Geometric
from framework.augment.mix import Mix
from framework.augment.policy import Policy
from framework.config import spec
from framework.errors import UsageError

AUGMENTATIONS: dict[str, Callable[..., Any]] = {
    "rotate": geometry.Rotate,
    "shift": geometry.Shift,
    "shear": geometry.Shear,
    "zoom": geometry.Zoom,
    "flip": geometry.Flip,
    "pad_crop": geometry.PadCrop,
    "resized_crop": geometry.ResizedCrop,
    "fill": geometry.Fill,
    "brightness": color.Brightness,
    "contrast": color.Contrast,
    "saturation": color.Saturation,
    "hue": color.Hue,
    "gamma": color.Gamma,
    "channel_shift": color.ChannelShift,
    "grayscale": color.Grayscale,
    "invert": color.Invert,
    "posterize": color.Posterize,
    "solarize": color.Solarize,
    "autocontrast": color.Autocontrast,
    "equalize": color.Equalize,
    "sharpness": color.Sharpness,
    "blur": filters.Blur,
    "noise": filters.Noise,
    "erase": erase.Erase,
    "cutout": erase.Cutout,
    "randaugment": choice.RandAugment,
    "trivialaugment": choice.TrivialAugment,
    "autoaugment": choice.AutoAugment,
    "augmix": AugMix,
    "mixup": mix.Mixup,
    "cutmix": mix.Cutmix,
    "mixup_cutmix": mix.MixupCutmix,
}


def build(text: str, of_bytes: bool = True) -> Policy | None:
    """Builds the augmentation that a spec describes; None if the spec is empty.

    >>> [name for name, _ in build("rotate(20) + flip").members]
    ['rotate', 'flip']

    Args:
        text: Members joined by "+".
        of_bytes: Whether pixel values are from 0 to 255; results are then clipped.

    Raises:
        UsageError: The spec is wrong; the message marks the place.
    """
    members = tuple((call.name, _build_member(call)) for call in spec.parts(text))
    if not members:
        return None
    policy = Policy(members, clip=of_bytes)
    if not of_bytes and policy.byte_members:
        raise UsageError(
            f"{policy.byte_members[0]} needs images of bytes, 0 to 255; these are "
            f"floats: leave it out, or store the images as uint8"
        )
    return policy


def _build_member(call: spec.Call) -> Geometric | Photometric | Mix | Fill:
    member = spec.build(call, AUGMENTATIONS, "augmentation")
    bases = (Geometric, Photometric, Mix, Fill)
    expected = "a framework.augment Geometric, Photometric or Mix"
    spec.require(call, isinstance(member, bases), expected)
    checked: Geometric | Photometric | Mix | Fill = member
    return checked


__all__ = ["AUGMENTATIONS", "Geometric", "Mix", "Photometric", "Policy", "build"]
