"""Tests of framework/augment/geometry.py."""

import itertools
import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from framework.augment import geometry
from framework.augment.geometry import Fill, Flip, Rotate, Shear, Shift, Zoom, warp
from framework.errors import UsageError

GOLDEN = pathlib.Path(__file__).parents[1] / "golden/augment"
CASES = json.loads((GOLDEN / "affine.json").read_text())["cases"]
ORDERS = {0: "nearest", 1: "bilinear"}
XLA = pytest.mark.parametrize("jit", [False, True], ids=["graph", "xla"])


def alike(case):
    return case["size"], case["fill_mode"], case["cval"], case["order"]


GROUPS = [
    (key, list(cases))
    for key, cases in itertools.groupby(sorted(CASES, key=alike), key=alike)
]


def picture(height, width, channels):
    """Returns the image of the golden files."""
    i, j, k = np.ogrid[:height, :width, :channels]
    return (7 * i + 11 * j + 29 * k + 13 * (i * j % 5)) % 256


def about_centre(matrices, height, width):
    return geometry.centred(tf.constant(matrices, tf.float32), height, width).numpy()


def draw(value, by):
    """Returns the draw that makes `value` of a range from -by to by."""
    return (value / by + 1) / 2


@XLA
@pytest.mark.parametrize(("key", "cases"), GROUPS, ids=[str(key) for key, _ in GROUPS])
def test_warp_as_keras_and_scipy(key, cases, jit):
    size, fill, cval, order = key
    expected = np.load(GOLDEN / "affine.npz")
    image = tf.constant(picture(*size), tf.float32)

    @tf.function(jit_compile=jit)
    def warped(matrices):
        images = tf.stack([image] * len(cases))
        return warp(images, matrices, fill, cval, ORDERS[order])

    matrices = tf.constant([case["matrix"] for case in cases], tf.float32)
    for case, found in zip(cases, warped(matrices).numpy(), strict=True):
        sure = np.ones(size[0] * size[1], bool)
        # Places at the very edge, where the last bit decides.
        sure[case.get("fragile", [])] = False
        difference = np.abs(found - expected[case["id"]]).reshape(len(sure), -1)
        assert difference[sure].max() <= 2e-2, case["id"]


@XLA
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("fill", geometry.FILLS)
@pytest.mark.parametrize("size", [(9, 14, 2), (13, 6, 1)])
def test_warp_as_scipy_on_random_matrices(size, fill, order, jit):
    ndimage = pytest.importorskip("scipy.ndimage")
    generator = np.random.default_rng(5)
    images = generator.uniform(0, 255, (12, *size)).astype(np.float32)
    matrices = generator.normal(0, 1, (12, 2, 3)) * (1, 1, 6)
    compiled = tf.function(warp, jit_compile=jit)
    found = compiled(
        tf.constant(images), tf.constant(matrices, tf.float32), fill, 50, ORDERS[order]
    )
    for index, (image, matrix) in enumerate(zip(images, matrices, strict=True)):
        # Rows come first for SciPy, and columns for us.
        swapped = matrix[::-1, [1, 0, 2]]
        for channel in range(size[2]):
            expected = ndimage.affine_transform(
                image[..., channel].astype(np.float64),
                swapped[:, :2],
                swapped[:, 2],
                order=order,
                mode=fill,
                cval=50,
            )
            np.testing.assert_allclose(found[index, ..., channel], expected, atol=2e-2)


@XLA
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("fill", geometry.FILLS)
def test_warp_by_the_identity_changes_nothing(fill, order, jit):
    images = np.random.default_rng(0).uniform(0, 255, (3, 5, 8, 3)).astype(np.float32)
    matrices = about_centre(np.stack([np.eye(3)] * 3), 5, 8)
    compiled = tf.function(warp, jit_compile=jit)
    found = compiled(images, matrices, fill, 50.0, ORDERS[order])
    np.testing.assert_array_equal(found, images)


def test_warp_of_one_pixel():
    for fill in geometry.FILLS:
        found = warp(tf.fill([1, 1, 1, 1], 7.0), tf.eye(2, 3)[None], fill)
        np.testing.assert_array_equal(found, [[[[7.0]]]])


@XLA
@pytest.mark.parametrize("horizontal", [False, True])
@pytest.mark.parametrize("vertical", [False, True])
def test_flip_is_exact(horizontal, vertical, jit):
    images = np.random.default_rng(0).uniform(0, 255, (4, 6, 9, 3)).astype(np.float32)
    u = tf.constant([[0.1, 0.1], [0.1, 0.9], [0.9, 0.1], [0.5, 0.5]])

    @tf.function(jit_compile=jit)
    def flipped(images):
        matrices = Flip(horizontal, vertical).matrices(u, 6, 9)
        return warp(images, geometry.centred(matrices, 6, 9))

    expected = images.copy()
    for index in (0, 1) if horizontal else ():
        expected[index] = expected[index, :, ::-1]
    for index in (0, 2) if vertical else ():
        expected[index] = expected[index, ::-1]
    np.testing.assert_array_equal(flipped(images), expected)


@pytest.mark.parametrize(
    "case",
    {str(case["params"]): case for case in CASES}.values(),
    ids=lambda c: c["id"],
)
def test_rotate_shift_shear_and_zoom_make_the_matrices_of_keras(case):
    height, width, _ = case["size"]
    value = {"theta": 0, "sx": 0, "sy": 0, "shear": 0, "zx": 1, "zy": 1} | case[
        "params"
    ]
    draws = {
        Rotate(90): [draw(value["theta"], 90)],
        Shift(10): [draw(value["sx"], 10), draw(value["sy"], 10)],
        Shear(60): [draw(value["shear"], 60)],
        Zoom(0.5): [draw(value["zx"] - 1, 0.5), draw(value["zy"] - 1, 0.5)],
    }
    product = np.eye(3)
    for member, u in draws.items():
        u = tf.constant([u], tf.float32)
        product = product @ member.matrices(u, height, width).numpy()[0]
    found = about_centre(product[None], height, width)[0]
    np.testing.assert_allclose(found, case["matrix"], atol=2e-5)


@pytest.mark.parametrize(
    ("shift", "pixels"),
    [
        # A share of width or height below 1, pixels from 1 on.
        (Shift(0.25), (10, 5)),
        (Shift(0.99), (39.6, 19.8)),
        (Shift(1), (1, 1)),
        (Shift(1.0), (1, 1)),
        (Shift(3), (3, 3)),
        (Shift(0.1, 2), (4, 2)),
        (Shift(2, 0.1), (2, 2)),
        (Shift(2, 0), (2, 0)),
        (Shift(0, 0.5), (0, 10)),
    ],
)
def test_shift_in_shares_and_in_pixels(shift, pixels):
    # The least and the most: a draw never reaches 1.
    u = tf.constant([[0.0, 1.0], [1.0, 0.0], [0.5, 0.5]])
    found = shift.matrices(u, height=20, width=40)
    x, y = pixels
    np.testing.assert_allclose(found[:, :2, 2], [[-x, y], [x, -y], [0, 0]], rtol=1e-6)
    np.testing.assert_array_equal(found[:, :2, :2], [np.eye(2)] * 3)


def test_shift_moves_the_width_to_the_side():
    images = np.zeros((1, 8, 8, 1), np.float32)
    images[0, 3, 5] = 1
    matrices = Shift(2, 0).matrices(tf.constant([[1.0, 1.0]]), 8, 8)
    found = warp(images, geometry.centred(matrices, 8, 8), "constant")
    assert np.argwhere(found).tolist() == [[0, 3, 3, 0]]


@pytest.mark.parametrize(
    ("member", "count"),
    [(Rotate(10), 1), (Shift(0.1), 2), (Shear(5), 1), (Zoom(0.2), 2), (Flip(), 2)],
)
def test_each_image_has_its_own_change(member, count):
    assert member.draws == count
    u = tf.constant(np.random.default_rng(0).uniform(size=(4, count)), tf.float32)
    together = member.matrices(u, 6, 8)
    for index in range(4):
        alone = member.matrices(u[index : index + 1], 6, 8)
        np.testing.assert_allclose(together[index], alone[0], rtol=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Zoom(1.0), "by must be from 0 to below 1, not 1.0"),
        (lambda: Zoom(-0.1), "by must be from 0 to below 1, not -0.1"),
        (lambda: Fill("mirror"), "mode must be one of nearest, .*, not 'mirror'"),
    ],
)
def test_refuses_what_makes_no_sense(make, message):
    with pytest.raises(UsageError, match=message):
        make()
