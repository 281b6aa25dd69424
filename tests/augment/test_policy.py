"""Tests of framework/augment/policy.py."""

import numpy as np
import pytest
import tensorflow as tf

from framework import augment
from framework.augment.resample import warp
from framework.numerics.draws import Draws

EVERYTHING = "rotate(20) + shift(.2) + shear(10) + zoom(.2) + flip + brightness(.3)"


def draws(step=0, start=0, rows=8):
    return Draws(3, tf.cast(step, tf.int64), tf.cast(start, tf.int64), rows)


@pytest.fixture(scope="module")
def images():
    generator = np.random.default_rng(0)
    return tf.constant(generator.integers(0, 256, (8, 6, 9, 3)).astype(np.uint8))


def changed(text, images, step=0, clip=True):
    return augment.build(text, clip)(images, draws(step), 8).numpy()


# Members with random numbers of each kind; the first spec combines several.
ONE_OF_EACH = [
    EVERYTHING,
    "pad_crop(2) + resized_crop",
    "contrast(.5) + saturation(.5) + sharpness(.9) + channel_shift(40)",
    "hue(.2)",
    "gamma(.5)",
    "grayscale + invert + posterize(3) + solarize(99) + autocontrast + equalize",
    "blur",
    "noise(20)",
    "erase(value='random') + cutout(.4)",
    "randaugment",
    "trivialaugment",
    "autoaugment('cifar10')",
    "augmix",
]


@pytest.mark.extended
@pytest.mark.parametrize("replicas", [2, pytest.param(4, marks=pytest.mark.slow)])
@pytest.mark.parametrize("text", ONE_OF_EACH)
def test_a_part_of_the_batch_gives_the_same_images_as_the_whole(text, replicas, images):
    policy, size = augment.build(text), 8 // replicas

    @tf.function(autograph=False)
    def augment_rows(start):
        rows = tf.ensure_shape(images[start : start + size], [size, 6, 9, 3])
        place = Draws(3, tf.constant(0, tf.int64), tf.cast(start, tf.int64), size)
        return policy(rows, place, 8)

    actual = [augment_rows(tf.constant(start)) for start in range(0, 8, size)]
    whole = tf.function(lambda: policy(images, draws(), 8), autograph=False)()
    np.testing.assert_array_equal(np.concatenate(actual), whole)


@pytest.mark.extended
@pytest.mark.parametrize("text", ONE_OF_EACH)
def test_eager_graph_and_xla_give_the_same_images(text, images):
    policy = augment.build(text)
    eager = policy(images, draws(), 8).numpy()
    for jit in (False, True):
        # A constant batch would be constant-folded.
        compiled = tf.function(
            lambda images, step: policy(images, draws(step), 8),
            jit_compile=jit,
            autograph=False,
        )
        actual = compiled(images, tf.constant(0, tf.int64)).numpy()
        difference = np.abs(actual - eager)
        # A level near a threshold may be rounded across it.
        assert np.mean(difference > 2e-2) <= 0.002, difference.max()


@pytest.mark.extended
def test_two_replicas_give_the_images_of_one(mirrored, images):
    policy = augment.build(EVERYTHING)

    def augment_rows():
        context = tf.distribute.get_replica_context()
        start = context.replica_id_in_sync_group * 4
        return policy(images[start : start + 4], draws(start=start, rows=4), 8)

    compiled = tf.function(lambda: mirrored.run(augment_rows), autograph=False)
    actual = mirrored.experimental_local_results(compiled())
    np.testing.assert_array_equal(np.concatenate(actual), changed(EVERYTHING, images))


def test_each_row_and_each_step_has_its_own_random_numbers(images):
    same = tf.stack([images[0]] * 8)
    actual = changed(EVERYTHING, same)
    assert len({image.tobytes() for image in actual}) == 8
    assert not np.array_equal(actual, changed(EVERYTHING, same, step=1))


def test_adding_a_member_leaves_the_random_numbers_of_others(images):
    flipped = changed("flip", images)
    brightened = changed("brightness(.3)", flipped)
    actual = changed("brightness(.3) + flip", images)
    np.testing.assert_allclose(actual, brightened, rtol=1e-6)
    rotated = changed("rotate(20)", images)
    both = changed("zoom(0) + rotate(20)", images)
    np.testing.assert_allclose(both, rotated, atol=1e-2)


def test_a_repeated_member_has_independent_random_numbers(images):
    once = changed("brightness(.3)", images, clip=False) / np.maximum(images, 1)
    twice = changed("brightness(.3) + brightness(.3)", images, clip=False)
    gains = once.max(axis=(1, 2, 3))
    squares = (twice / np.maximum(images, 1)).max(axis=(1, 2, 3))
    assert not np.isclose(squares, gains**2, rtol=1e-3).any()
    # The first has the same random numbers as alone.
    second = squares / gains
    assert (np.abs(second - 1) <= 0.3 + 1e-5).all()


def test_matrices_multiply_in_the_order_of_the_spec(images):
    actual = changed("rotate(30) + shift(3, 2) + shear(20) + zoom(.4)", images)
    u = {
        name: 2 * draws().uniform(f"augment/{name}/0", count).numpy() - 1
        for name, count in (("rotate", 1), ("shift", 2), ("shear", 1), ("zoom", 2))
    }
    centre = np.array([[1, 0, 4], [0, 1, 2.5], [0, 0, 1]])
    expected = []
    for row in range(8):
        theta, shear = np.radians(30 * u["rotate"][row, 0]), u["shear"][row, 0]
        shear = np.radians(20 * shear)
        sin, cos = np.sin(theta), np.cos(theta)
        rotate = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
        shift = np.eye(3)
        shift[:2, 2] = u["shift"][row] * (3, 2)
        slant = np.array([[1, -np.sin(shear), 0], [0, np.cos(shear), 0], [0, 0, 1]])
        zoom = np.diag(np.append(1 + 0.4 * u["zoom"][row], 1))
        whole = centre @ rotate @ shift @ slant @ zoom @ np.linalg.inv(centre)
        expected.append(whole[:2])
    expected = warp(tf.cast(images, tf.float32), tf.constant(expected, tf.float32))
    np.testing.assert_allclose(actual, expected, atol=1e-2)


def test_geometry_comes_first():
    # Otherwise the filled edge would keep its brightness.
    grey = tf.fill([8, 6, 9, 1], 100.0)
    actual = changed("brightness(.5) + fill('constant', 100) + shift(3)", grey)
    for image in actual:
        np.testing.assert_allclose(image, image[0, 0, 0], rtol=1e-6)
    assert np.ptp(actual) > 10


@pytest.mark.parametrize(
    ("fill", "outside"),
    [
        ("", {9}),
        ("fill +", {9}),
        ("fill('constant') +", {0, 9}),
        ("fill('constant', cval=5) +", {5, 9}),
        # The last of several applies.
        ("fill('constant') + fill +", {9}),
    ],
)
def test_fill_sets_the_values_beyond_the_edge(fill, outside):
    actual = changed(f"{fill} shift(2)", tf.fill([8, 6, 9, 1], 9))
    corners = set(actual[:, [0, 0, -1, -1], [0, -1, 0, -1], 0].ravel().tolist())
    assert corners == outside


@pytest.mark.parametrize(("clip", "highest"), [(True, 255.0), (False, 375.0)])
def test_clip_limits_the_range_of_pixels(clip, highest):
    white = tf.fill([8, 2, 2, 1], 250.0)
    actual = changed("brightness(.5)", white, clip=clip)
    assert 0 <= actual.min() < 250
    assert 300 * (not clip) < actual.max() <= highest
    assert (actual.max() == 255.0) == clip


def test_zero_strength_is_the_identity(images):
    text = "rotate(0) + shift(0) + shear(0) + zoom(0) + brightness(0)"
    actual = changed(text, images)
    assert actual.dtype == np.float32
    np.testing.assert_array_equal(actual, images)


@pytest.mark.parametrize("jit", [False, True])
def test_compiled_and_eager_images_agree(images, jit):
    policy = augment.build(EVERYTHING)

    @tf.function(jit_compile=jit, autograph=False)
    def compiled(step, start):
        return policy(images, Draws(3, step, start, 8), 8)

    place = draws()
    actual = compiled(place.step, place.start)
    np.testing.assert_allclose(actual, changed(EVERYTHING, images), atol=2e-2)


@pytest.mark.parametrize("text", ["mixup(.7) + cutmix(1.)", "mixup_cutmix"])
def test_label_weights_match_the_mixed_images(text):
    """Means of one-hot images are the weights of the labels."""
    policy = augment.build(text, False)
    one_hot = np.zeros((8, 6, 9, 8), np.float32)
    for row in range(8):
        one_hot[row, ..., row] = 1
    mixed, own = policy.mix(tf.constant(one_hot), draws(), tf.fill([8], True))
    means = mixed.numpy().mean(axis=(1, 2))
    for row in range(8):
        expected = np.zeros(8)
        expected[row], expected[row ^ 1] = own[row], 1 - own[row]
        np.testing.assert_allclose(means[row], expected, atol=1e-6)


def test_padding_is_not_mixed(images):
    policy = augment.build("mixup(1.)")
    counted = tf.constant([True] * 5 + [False] * 3)
    before = tf.cast(images, tf.float32)
    mixed, own = policy.mix(before, draws(), counted)
    np.testing.assert_array_equal(mixed[4:], before[4:])
    np.testing.assert_array_equal(own[4:], 1)
    assert (own[:4].numpy() < 1).all()


def test_mixing_does_not_depend_on_the_number_of_replicas(images):
    policy = augment.build("mixup + cutmix")
    before = tf.cast(images, tf.float32)
    whole, own = policy.mix(before, draws(), tf.fill([8], True))
    for start in (0, 4):
        part = before[start : start + 4]
        place = draws(start=start, rows=4)
        actual, weight = policy.mix(part, place, tf.fill([4], True))
        np.testing.assert_array_equal(actual, whole[start : start + 4])
        np.testing.assert_array_equal(weight, own[start : start + 4])
