"""Tests of framework/augment/resample.py."""

import itertools
import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from framework.augment.resample import FILLS, warp

GOLDEN = pathlib.Path(__file__).parents[1] / "golden/augment"
CASES = json.loads((GOLDEN / "affine.json").read_text())["cases"]
ORDERS = {0: "nearest", 1: "bilinear"}
XLA = pytest.mark.parametrize("jit", [False, True], ids=["graph", "xla"])
FORM = pytest.mark.parametrize("form", ["gather", "matmul"])


def settings(case):
    return case["size"], case["fill_mode"], case["cval"], case["order"]


GROUPS = [
    (key, list(cases))
    for key, cases in itertools.groupby(sorted(CASES, key=settings), key=settings)
]


def picture(height, width, channels):
    """Returns the image of the golden files."""
    i, j, k = np.ogrid[:height, :width, :channels]
    return (7 * i + 11 * j + 29 * k + 13 * (i * j % 5)) % 256


@pytest.mark.extended
@XLA
@FORM
@pytest.mark.parametrize(("key", "cases"), GROUPS, ids=[str(key) for key, _ in GROUPS])
def test_warp_matches_keras_and_scipy(key, cases, form, jit):
    size, fill, cval, order = key
    expected = np.load(GOLDEN / "affine.npz")
    image = tf.constant(picture(*size), tf.float32)

    @tf.function(jit_compile=jit)
    def warped(matrices):
        images = tf.stack([image] * len(cases))
        return warp(images, matrices, fill, cval, ORDERS[order], form)

    matrices = tf.constant([case["matrix"] for case in cases], tf.float32)
    for case, actual in zip(cases, warped(matrices).numpy(), strict=True):
        is_robust = np.ones(size[0] * size[1], bool)
        # Not at the very edge, where rounding decides.
        is_robust[case.get("fragile", [])] = False
        difference = np.abs(actual - expected[case["id"]]).reshape(len(is_robust), -1)
        assert difference[is_robust].max() <= 2e-2, case["id"]


@pytest.mark.extended
@XLA
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("size", [(9, 14, 2), (13, 6, 1)])
def test_warp_matches_scipy_on_random_matrices(size, fill, order, jit):
    ndimage = pytest.importorskip("scipy.ndimage")
    generator = np.random.default_rng(5)
    images = generator.uniform(0, 255, (12, *size)).astype(np.float32)
    matrices = generator.normal(0, 1, (12, 2, 3)) * (1, 1, 6)
    compiled = tf.function(warp, jit_compile=jit)
    actual = compiled(
        tf.constant(images), tf.constant(matrices, tf.float32), fill, 50, ORDERS[order]
    )
    for index, (image, matrix) in enumerate(zip(images, matrices, strict=True)):
        # SciPy has rows first, `warp` has columns first.
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
            np.testing.assert_allclose(actual[index, ..., channel], expected, atol=2e-2)


@pytest.mark.extended
@XLA
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("fill", FILLS)
def test_warp_by_the_identity_is_exact(fill, order, jit):
    images = np.random.default_rng(0).uniform(0, 255, (3, 5, 8, 3)).astype(np.float32)
    matrices = tf.constant([np.eye(2, 3)] * 3, tf.float32)
    compiled = tf.function(warp, jit_compile=jit)
    actual = compiled(images, matrices, fill, 50.0, ORDERS[order])
    np.testing.assert_array_equal(actual, images)


@given(
    size=st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 4)),
    fill=st.sampled_from(FILLS),
    order=st.sampled_from([0, 1]),
    reach=st.sampled_from([1, 30, 1000]),
    seed=st.integers(0, 2**32 - 1),
)
def test_warp_of_float64_matches_scipy_closely(size, fill, order, reach, seed):
    """Images of any size, also of one row or column, and distant coordinates."""
    ndimage = pytest.importorskip("scipy.ndimage")
    generator = np.random.default_rng(seed)
    images = generator.uniform(0, 255, (2, *size))
    matrices = generator.normal(0, 1, (2, 2, 3)) * (1, 1, reach)
    actual = warp(images, matrices, fill, 50.0, ORDERS[order]).numpy()
    assert actual.dtype == np.float64
    row, column = np.mgrid[: size[0], : size[1]]
    for image, matrix, result in zip(images, matrices, actual, strict=True):
        x, y = np.einsum("ij,jrc->irc", matrix, [column, row, np.ones_like(row)])
        for channel in range(size[2]):
            expected = ndimage.map_coordinates(
                image[..., channel], [y, x], order=order, mode=fill, cval=50.0
            )
            np.testing.assert_allclose(result[..., channel], expected, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_accepts_matrices_of_any_float_type(dtype):
    images = np.random.default_rng(0).uniform(0, 255, (2, 5, 6, 3)).astype(np.float32)
    matrices = np.array([[[1, 0, 2.5], [0, 1, -1]]] * 2, dtype)
    expected = warp(images, tf.constant(matrices, tf.float32))
    np.testing.assert_array_equal(warp(images, matrices), expected)
    np.testing.assert_array_equal(warp(images, matrices.tolist()), expected)


def test_refuses_an_unknown_static_size():
    images = tf.TensorSpec([None, None, None, 3])
    matrices = tf.TensorSpec([None, 2, 3])
    with pytest.raises(ValueError, match=r"must be known .* tf.ensure_shape"):
        tf.function(warp).get_concrete_function(images, matrices)


def test_warp_of_one_pixel():
    for fill in FILLS:
        actual = warp(tf.fill([1, 1, 1, 1], 7.0), tf.eye(2, 3)[None], fill)
        np.testing.assert_array_equal(actual, [[[[7.0]]]])


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("fill", FILLS)
def test_both_forms_give_the_same_image(fill, order):
    """Within 1e-6 of the range of pixels."""
    generator = np.random.default_rng(1)
    images = tf.constant(generator.uniform(0, 1, (16, 12, 17, 3)), tf.float32)
    matrices = generator.normal(0, 1, (16, 2, 3)) * (1, 1, 8)
    matrices = tf.constant(matrices, tf.float32)
    gathered, multiplied = (
        warp(images, matrices, fill, 0.5, ORDERS[order], form)
        for form in ("gather", "matmul")
    )
    np.testing.assert_allclose(gathered, multiplied, atol=1e-6)


def test_large_images_and_distant_coordinates():
    images = tf.random.stateless_uniform([1, 300, 200, 1], (1, 2))
    matrices = tf.constant([[[1.0, 0.0, 1e6], [0.0, 1.0, -1e6]]])
    actual = warp(images, matrices)
    np.testing.assert_array_equal(
        actual, tf.fill([1, 300, 200, 1], images[0, 0, -1, 0])
    )


@pytest.mark.parametrize("dtype", [tf.float16, tf.float32, tf.float64])
def test_keeps_the_dtype(dtype):
    images = tf.ones([1, 3, 3, 1], dtype)
    assert warp(images, tf.eye(2, 3)[None]).dtype == dtype


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": tf.zeros([1, 2, 2, 1], tf.uint8)}, "must be of floats"),
        ({"images": tf.zeros([2, 2, 1])}, r"must be \[B, height, width, C\]"),
        ({"matrices": tf.zeros([1, 3, 3])}, r"matrices \[B, 2, 3\]"),
        ({"matrices": tf.zeros([2, 2, 3])}, r"not \(1, 2, 2, 1\) and \(2, 2, 3\)"),
        ({"form": "matmull"}, "form must be one of gather, matmul, not 'matmull'"),
        ({"fill": "mirror"}, "fill must be one of nearest"),
        ({"interpolation": "cubic"}, "interpolation must be one of bilinear"),
    ],
)
def test_refuses_invalid_arguments(change, message):
    arguments = {"images": tf.zeros([1, 2, 2, 1]), "matrices": tf.zeros([1, 2, 3])}
    with pytest.raises((TypeError, ValueError), match=message):
        warp(**(arguments | change))
