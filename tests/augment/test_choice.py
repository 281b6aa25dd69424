"""Tests of framework/augment/choice.py."""

import numpy as np
import pytest
import tensorflow as tf

from framework.augment import autoaugment, choice, geometry
from framework.augment.choice import (
    OPERATIONS,
    AutoAugment,
    RandAugment,
    TrivialAugment,
    apply_operation,
    geometric_matrices,
    magnitude_table,
)
from framework.errors import UsageError

ROWS = 20_000
# Pillow's names of the operations with a factor.
ENHANCED = {
    "brightness": "Brightness",
    "saturation": "Color",
    "contrast": "Contrast",
    "sharpness": "Sharpness",
}


def sampled(member, height=32, width=48):
    draws = member.num_draws((height, width, 3))
    u = np.random.default_rng(0).uniform(size=(ROWS, draws))
    actual = member.choose(tf.constant(u, tf.float32), height, width)
    return [
        (np.array(OPERATIONS)[number.numpy()], value.numpy())
        for number, value in actual
    ]


def image(height=17, width=22):
    generator = np.random.default_rng(0)
    return generator.integers(0, 256, (height, width, 3)).astype(np.uint8)


def operation(name, magnitude, rows=1):
    return (
        tf.fill([rows], OPERATIONS.index(name)),
        tf.fill([rows], float(magnitude)),
    )


@pytest.mark.parametrize("num_ops", [1, 2, 3])
def test_randaugment_samples_operations_uniformly(num_ops):
    actual = sampled(RandAugment(num_ops, 10))
    assert len(actual) == num_ops
    table = dict(zip(OPERATIONS, magnitude_table(32, 48)[:, 10], strict=True))
    for names, values in actual:
        kinds, counts = np.unique(names, return_counts=True)
        assert set(kinds) == set(OPERATIONS) - {"invert"}
        assert (np.abs(counts - ROWS / 14) < 5 * (ROWS / 14) ** 0.5).all()
        expected = np.array([table[name] for name in names])
        np.testing.assert_allclose(np.abs(values), expected, rtol=1e-6)
        signed = np.isin(names, OPERATIONS[:9])
        assert (values[~signed] >= 0).all()
        assert abs((values[signed] < 0).mean() - 0.5) < 0.02


def test_magnitudes_match_torchvision():
    actual = dict(zip(OPERATIONS, magnitude_table(32, 64), strict=True))
    ends = {
        "shear_x": (0, 0.3),
        "translate_x": (0, 29),
        "translate_y": (0, 14),
        "rotate": (0, 30),
        "brightness": (0, 0.9),
        "posterize": (8, 4),
        "solarize": (255, 0),
        "equalize": (0, 0),
    }
    for name, (first, last) in ends.items():
        np.testing.assert_allclose(actual[name][[0, -1]], (first, last), rtol=1e-6)


def test_trivialaugment_samples_one_operation_of_any_magnitude():
    ((names, values),) = sampled(TrivialAugment())
    assert set(names) == set(OPERATIONS) - {"invert"}
    ends = {
        "shear_x": (-0.99, 0.99),
        "translate_x": (-32, 32),
        "rotate": (-135, 135),
        "contrast": (-0.99, 0.99),
        "posterize": (2, 8),
        "solarize": (0, 255),
    }
    for name, (low, high) in ends.items():
        of_name = values[names == name]
        assert (of_name.min(), of_name.max()) == pytest.approx((low, high), rel=1e-6)


@pytest.mark.parametrize("policy", autoaugment.POLICIES)
def test_autoaugment_samples_pairs_of_its_policy(policy):
    actual = autoaugment.POLICIES[policy]
    assert len(actual) == 25
    (first, _), (second, _) = sampled(AutoAugment(policy))
    for place, names in enumerate((first, second)):
        expected = dict.fromkeys(OPERATIONS, 0.0)
        for pair in actual:
            name, probability, _ = pair[place]
            expected[name] += probability / 25
            expected["identity"] += (1 - probability) / 25
        for name, fraction in expected.items():
            assert abs((names == name).mean() - fraction) < 0.02, name


def test_autoaugment_magnitudes_match_the_paper():
    """The second pair for CIFAR-10: rotate by 30 * 2/9, translate by 9/9 of all."""
    u = tf.constant([[1.5 / 25, 0.0, 0.0, 0.9, 0.9]])
    (_, angle), (_, offset) = AutoAugment("cifar10").choose(u, 33, 331)
    np.testing.assert_allclose(angle, 30 * 2 / 9, rtol=1e-6)
    np.testing.assert_allclose(offset, 150)


@pytest.mark.parametrize(
    ("name", "magnitude", "coefficients"),
    [
        # Coefficients of `Image.transform(AFFINE)`, from new to old coordinates.
        ("shear_x", 0.3, (1, 0.3, 0, 0, 1, 0)),
        ("shear_y", -0.2, (1, 0, 0, -0.2, 1, 0)),
        ("translate_x", 5, (1, 0, -5, 0, 1, 0)),
        ("translate_y", -3, (1, 0, 0, 0, 1, 3)),
        ("identity", 0.7, (1, 0, 0, 0, 1, 0)),
        ("contrast", 0.7, (1, 0, 0, 0, 1, 0)),
    ],
)
def test_geometric_operations_match_pillow(name, magnitude, coefficients):
    pillow = pytest.importorskip("PIL.Image")
    picture = pillow.fromarray(image())
    expected = np.asarray(
        picture.transform(
            picture.size,
            pillow.Transform.AFFINE,
            coefficients,
            resample=pillow.Resampling.BILINEAR,
        )
    )
    matrices = geometric_matrices(operation(name, magnitude), 17, 22)
    images = tf.constant(image()[None], tf.float32)
    actual = geometry.warp(
        images, geometry.with_corner_origin(matrices, 17, 22), "constant"
    )
    # Pillow interpolates half a pixel beyond the edge.
    inside = (expected > 0).any(2) & (actual[0].numpy() > 0).any(2)
    assert inside.mean() > 0.6
    assert np.abs(actual[0].numpy() - expected)[inside].max() <= 1.5


def test_rotation_matches_pillow():
    pillow = pytest.importorskip("PIL.Image")
    square = image(21, 21)
    expected = np.asarray(pillow.fromarray(square).rotate(90))
    matrices = geometry.with_corner_origin(
        geometric_matrices(operation("rotate", 90), 21, 21), 21, 21
    )
    actual = geometry.warp(tf.constant(square[None], tf.float32), matrices)
    np.testing.assert_allclose(actual[0], expected, atol=0.1)


@pytest.mark.parametrize("magnitude", [-0.9, -0.3, 0.0, 0.9])
@pytest.mark.parametrize("name", ENHANCED)
def test_colour_operations_match_pillow(name, magnitude):
    enhance = pytest.importorskip("PIL.ImageEnhance")
    picture = pytest.importorskip("PIL.Image").fromarray(image())
    expected = getattr(enhance, ENHANCED[name])(picture).enhance(1 + magnitude)
    actual = apply_operation(
        tf.constant(image()[None], tf.float32), operation(name, magnitude)
    )
    assert np.abs(np.floor(actual[0]) - np.asarray(expected, int)).max() <= 1


def test_each_image_gets_exactly_its_operation():
    """A batch with a different operation for each image."""
    images = tf.constant(np.stack([image()] * len(OPERATIONS)), tf.float32)
    numbers = tf.range(len(OPERATIONS))
    values = tf.fill([len(OPERATIONS)], 0.5)
    together = apply_operation(images, (numbers, values)).numpy()
    for index, name in enumerate(OPERATIONS):
        alone = apply_operation(images[:1], operation(name, 0.5))
        np.testing.assert_allclose(together[index], alone[0], atol=1e-3)
    for name in ("shear_x", "translate_y", "rotate", "identity"):
        np.testing.assert_array_equal(together[OPERATIONS.index(name)], image())


def test_operations_are_applied_in_order():
    images = tf.constant(image()[None], tf.float32)
    steps = [
        operation("posterize", 3),
        operation("invert", 0),
        operation("solarize", 90),
    ]
    expected = images
    for step in steps:
        expected = apply_operation(expected, step)
    np.testing.assert_array_equal(choice.apply_operations(images, steps), expected)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RandAugment(0), "num_ops must be at least 1, not 0"),
        (lambda: RandAugment(2, 31), "magnitude must be from 0 to 30, not 31"),
        (lambda: AutoAugment("mnist"), "one of imagenet, cifar10, svhn, not 'mnist'"),
    ],
)
def test_refuses_values_out_of_range(make, message):
    with pytest.raises(UsageError, match=message):
        make()
