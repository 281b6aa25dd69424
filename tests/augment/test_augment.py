"""Tests of framework/augment/__init__.py."""

import inspect

import numpy as np
import pytest
import tensorflow as tf

from framework import augment
from framework.augment.color import Brightness
from framework.augment.geometry import Fill, Flip, Shift
from framework.errors import UsageError
from framework.numerics.draws import Draws


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


def test_noise_of_bytes_is_not_for_floats():
    augment.build("erase(value=0.5)", of_bytes=False)
    with pytest.raises(UsageError, match="erase needs images of bytes"):
        augment.build("erase(value='random')", of_bytes=False)


VALUES = ["-1", "0", "2", "720", "1e9", "'x'", "None", "True", "()", "(1,)", "(1, 2)"]
VALUES += ["(1, 2, 3)", "(0.8, 0.2)", "(-1, 1)", "(0, 0)", "[0.5, 1.5]"]


@pytest.mark.parametrize("name", augment.AUGMENTATIONS)
def test_any_argument_is_refused_or_makes_images(name):
    """Whatever is let through gives bytes again, and no other error."""
    images = tf.constant(np.random.default_rng(0).integers(0, 256, (2, 9, 12, 3)))
    parameters = inspect.signature(augment.AUGMENTATIONS[name]).parameters.values()
    needed = {each.name: "0.5" for each in parameters if each.default is each.empty}
    for parameter in parameters:
        for value in VALUES:
            given = needed | {parameter.name: value}
            arguments = ", ".join(f"{key}={text}" for key, text in given.items())
            try:
                policy = augment.build(f"{name}({arguments})")
            except UsageError:
                continue
            # Draws of a thousand chains or operations say no more than of a few.
            if value not in ("720", "1e9") or name not in ("randaugment", "augmix"):
                found = made(policy, images)
                assert np.isfinite(found).all(), arguments
                assert found.min() >= 0, arguments
                assert found.max() <= 255.001, arguments


def made(policy, images):
    """Returns what a policy makes of images, one operation after the other."""
    draws = Draws(0, tf.constant(0, tf.int64), tf.constant(0, tf.int64), len(images))
    tf.config.run_functions_eagerly(True)
    try:
        found = policy(images, draws, len(images))
        if policy.mixes:
            found, _ = policy.mix(found, draws, tf.fill([len(images)], True))
    finally:
        tf.config.run_functions_eagerly(False)
    return found.numpy()
