"""Tests of framework/augment/__init__.py."""

import pytest

from framework import augment
from framework.augment.color import Brightness
from framework.augment.geometry import Fill, Flip, Shift
from framework.errors import UsageError


@pytest.mark.parametrize("text", ["", "  "])
def test_no_spec_is_no_augmentation(text):
    assert augment.build(text) is None


def test_members_come_in_order():
    policy = augment.build(
        "shift(.1, y=2) + flip + fill('wrap') + brightness(.2)", False
    )
    assert policy.members == (
        ("shift", Shift(0.1, 2)),
        ("flip", Flip()),
        ("fill", Fill("wrap")),
        ("brightness", Brightness(0.2)),
    )
    assert not policy.clip


# The arguments without which there is no such member.
FACTORS = ("zoom", "brightness", "contrast", "saturation", "sharpness", "gamma", "hue")
NEEDED = {
    **dict.fromkeys(("rotate", "shift", "shear", "channel_shift", "noise"), "(0.5)"),
    **dict.fromkeys(FACTORS, "(0.5)"),
    **dict.fromkeys(("cutout", "pad_crop"), "(4)"),
}


@pytest.mark.parametrize("name", augment.AUGMENTATIONS)
def test_every_name_makes_its_class(name):
    arguments = NEEDED.get(name, "")
    (found,) = augment.build(name + arguments).members
    assert found[0] == name
    assert type(found[1]) is augment.AUGMENTATIONS[name]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rotat(20)", "unknown augmentation 'rotat'; did you mean rotate"),
        ("flip + zoom(1.5)", "zoom: by must be from 0 to below 1"),
        ("fill('mirror')", "fill: mode must be one of"),
        ("rotate", r"missing a required argument: 'degrees'.*rotate\(degrees\)"),
        ("flip * flip", r"only '\+' can join"),
    ],
)
def test_refuses_a_wrong_spec(text, message):
    with pytest.raises(UsageError, match=message):
        augment.build(text)
