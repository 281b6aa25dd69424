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
def test_an_empty_spec_is_no_augmentation(text):
    assert augment.build(text) is None


def test_members_are_in_the_order_of_the_spec():
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


# The required arguments of members.
FACTORS = ("zoom", "brightness", "contrast", "saturation", "sharpness", "gamma", "hue")
REQUIRED = {
    **dict.fromkeys(("rotate", "shift", "shear", "channel_shift", "noise"), "(0.5)"),
    **dict.fromkeys(FACTORS, "(0.5)"),
    **dict.fromkeys(("cutout", "pad_crop"), "(4)"),
}


@pytest.mark.parametrize("name", augment.AUGMENTATIONS)
def test_every_name_builds_its_class(name):
    arguments = REQUIRED.get(name, "")
    ((actual_name, member),) = augment.build(name + arguments).members
    assert actual_name == name
    assert type(member) is augment.AUGMENTATIONS[name]


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


def test_erasing_with_byte_noise_is_refused_for_floats():
    augment.build("erase(value=0.5)", of_bytes=False)
    with pytest.raises(UsageError, match="erase needs images of bytes"):
        augment.build("erase(value='random')", of_bytes=False)


VALUES = ["-1", "0", "2", "720", "1e9", "'x'", "None", "True", "()", "(1,)", "(1, 2)"]
VALUES += ["(1, 2, 3)", "(0.8, 0.2)", "(-1, 1)", "(0, 0)", "[0.5, 1.5]"]


@pytest.mark.extended
@pytest.mark.parametrize("name", augment.AUGMENTATIONS)
def test_any_argument_is_refused_or_gives_valid_images(name):
    """Accepted arguments give values from 0 to 255, and no other error."""
    images = tf.constant(np.random.default_rng(0).integers(0, 256, (2, 9, 12, 3)))
    parameters = inspect.signature(augment.AUGMENTATIONS[name]).parameters.values()
    required = {
        parameter.name: "0.5"
        for parameter in parameters
        if parameter.default is parameter.empty
    }
    for parameter in parameters:
        for value in VALUES:
            given = required | {parameter.name: value}
            arguments = ", ".join(f"{key}={text}" for key, text in given.items())
            try:
                policy = augment.build(f"{name}({arguments})")
            except UsageError:
                continue
            # A thousand chains or operations test no more than a few.
            if value not in ("720", "1e9") or name not in ("randaugment", "augmix"):
                actual = augmented(policy, images)
                assert np.isfinite(actual).all(), arguments
                assert actual.min() >= 0, arguments
                assert actual.max() <= 255.001, arguments


def augmented(policy, images):
    """Applies a policy eagerly."""
    draws = Draws(0, tf.constant(0, tf.int64), tf.constant(0, tf.int64), len(images))
    tf.config.run_functions_eagerly(True)
    try:
        actual = policy(images, draws, len(images))
        if policy.has_mix:
            actual, _ = policy.mix(actual, draws, tf.fill([len(images)], True))
    finally:
        tf.config.run_functions_eagerly(False)
    return actual.numpy()
