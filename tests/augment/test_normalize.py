"""Tests of framework/augment/normalize.py."""

import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from framework.augment import normalize
from framework.augment.normalize import Normalizer, Standard
from framework.data.dataset import LazySplit, Split
from framework.errors import UsageError

GOLDEN = pathlib.Path(__file__).parents[1] / "golden/augment"


def split(images):
    return Split(images, np.zeros(images.shape[0], np.int32))


def known(scale):
    """Returns the statistics of the only part of a normalisation."""
    return {name[2:]: value.numpy() for name, value in scale.variables.items()}


def pixels(dtype=np.uint8, count=50):
    images = np.random.default_rng(0).uniform(0, 255, (count, 4, 5, 3))
    # Channels that differ, so that one taken for another shows.
    return (images * (1.0, 0.5, 0.2)).astype(dtype)


ALL = np.arange(50)


def test_unit_makes_bytes_numbers_from_0_to_1():
    scale = normalize.build("unit", split(pixels()), ALL)
    found = scale(np.array([[[[0, 51, 255]]]], np.uint8))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [[[[0.0, 0.2, 1.0]]]], rtol=1e-6)


@pytest.mark.parametrize(
    ("kind", "dtype"), [("unit", np.float32), ("none", np.float32), ("none", np.uint8)]
)
def test_leaves_images_as_they_are(kind, dtype):
    images = pixels(dtype)
    found = normalize.build(kind, split(images), ALL)(images)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, images)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_standard_gives_each_channel_mean_0_and_deviation_1(dtype):
    images = pixels(dtype)
    found = normalize.build("standard", split(images), ALL)(images).numpy()
    np.testing.assert_allclose(found.mean(axis=(0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(found.std(axis=(0, 1, 2)), 1, rtol=1e-5)


def test_standard_looks_at_images_that_are_trained_on():
    images = pixels(np.float32)
    rows = np.array([2, 3, 5, 7, 11])
    scale = normalize.build("standard", split(images), rows)
    found, axes = known(scale), (0, 1, 2)
    np.testing.assert_allclose(found["mean"], images[rows].mean(axis=axes), rtol=1e-5)
    np.testing.assert_allclose(1 / found["scale"], images[rows].std(axes), rtol=1e-5)


class OnDisk:
    """Images that are read when asked for, of an array."""

    def __init__(self, array):
        self.array, self.shape, self.dtype = array, array.shape, array.dtype

    def take(self, indices):
        return OnDisk(self.array[indices])

    def load(self, progress):
        return self.array


def on_disk(images):
    return LazySplit(OnDisk(images), np.zeros(images.shape[0], np.int32))


@pytest.mark.parametrize(("kind", "mean"), [(split, 9 / 101), (on_disk, 3.0)])
def test_only_of_images_that_are_not_in_memory_some_do(kind, mean, monkeypatch):
    monkeypatch.setattr(normalize, "_SAMPLE", 3)
    images = np.zeros((101, 1, 1, 1), np.float32)
    images[[0, 50, 100]] = np.reshape([1.0, 2.0, 6.0], (3, 1, 1, 1))
    scale = normalize.build("standard", kind(images), np.arange(101))
    np.testing.assert_allclose(known(scale)["mean"], [mean], rtol=1e-6)


def test_zca_of_many_images_looks_at_some_evenly(monkeypatch):
    images = pixels(np.float32, count=201)
    expected = normalize.build("zca", split(images[::2]), np.arange(101))
    monkeypatch.setattr(normalize, "_SAMPLE", 101)
    found = normalize.build("zca", split(images), np.arange(201))
    for name, value in known(expected).items():
        np.testing.assert_array_equal(known(found)[name], value)


def test_standard_of_more_images_than_are_summed_at_once():
    images = pixels(np.float32, count=2500)
    scale = normalize.build("standard", split(images), np.arange(2500))
    expected = images.astype(np.float64)
    found, axes = known(scale), (0, 1, 2)
    np.testing.assert_allclose(found["mean"], expected.mean(axis=axes), rtol=1e-6)
    np.testing.assert_allclose(1 / found["scale"], expected.std(axes), rtol=1e-6)


@pytest.mark.parametrize("value", [0, 200, 255])
def test_a_constant_channel_becomes_0(value):
    images = pixels()
    images[..., 1] = value
    found = normalize.build("standard", split(images), ALL)(images).numpy()
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found[..., 1], 0, atol=1e-6)


def test_a_faint_float_image_is_still_stretched():
    images = (pixels(np.float32) / 255 * 1e-3).astype(np.float32)
    found = normalize.build("standard", split(images), ALL)(images).numpy()
    np.testing.assert_allclose(found.std(axis=(0, 1, 2)), 1, rtol=1e-3)


def test_subtracts_before_it_divides():
    statistics = {"mean": np.array([1.0, 2.0]), "scale": np.array([0.5, 0.25])}
    found = Normalizer([Standard()], [statistics])(np.array([[[[5.0, 10.0]]]]))
    np.testing.assert_allclose(found, [[[[2.0, 2.0]]]])


IDG = np.load(GOLDEN / "idg.npz")


def as_keras(name, found):
    np.testing.assert_allclose(found, IDG[name], rtol=1e-5, atol=1e-3)


def test_samplewise_as_keras():
    image = json.loads((GOLDEN / "idg.json").read_text())["image"]
    assert "affine.json" in image
    i, j, k = np.ogrid[:16, :16, :3]
    picture = ((7 * i + 11 * j + 29 * k + 13 * (i * j % 5)) % 256).astype(np.uint8)
    images = np.stack([picture] * 2)
    scale = normalize.build("unit + samplewise", split(images), np.arange(2))
    as_keras("std_sample", scale(images)[0])


def test_standard_as_keras():
    images = IDG["fit_data"].astype(np.float32)
    scale = normalize.build("standard", split(images), np.arange(8))
    found = known(scale)
    mean, std = np.split(IDG["fit_mean_std"], 2)
    np.testing.assert_allclose(found["mean"], mean, rtol=1e-5)
    np.testing.assert_allclose(1 / found["scale"], std, rtol=1e-5)
    as_keras("std_feature", scale(images[:2]))


def test_zca_as_keras():
    images = IDG["zca_data"]
    scale = normalize.build("zca", split(images), np.arange(120))
    as_keras("zca_matrix", known(scale)["matrix"])
    as_keras("zca_out", scale(images[:2]))


def test_zca_whitens():
    images = pixels(np.float32, count=2000)
    found = normalize.build("zca", split(images), np.arange(2000))(images)
    rows = np.reshape(found, (2000, -1)).astype(np.float64)
    moments = rows.T @ rows / 2000
    np.testing.assert_allclose(moments, np.eye(60), atol=1e-3)


def test_zca_leaves_out_directions_without_variance():
    """Keras would multiply by ten million what a test image has in them."""
    images = pixels(np.float32)
    images[:, 0, 0] = 7
    scale = normalize.build("zca", split(images), ALL)
    images[:, 0, 0] = 8
    assert np.abs(scale(images)).max() < 100


def test_zca_of_large_images_is_refused():
    images = np.zeros((2, 40, 40, 3), np.uint8)
    with pytest.raises(UsageError, match="at most 4,096 values; these have 4,800"):
        normalize.build("zca", split(images), np.arange(2))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("standard(center=False)", lambda x, m, s: x / s),
        ("standard(scale=False)", lambda x, m, s: x - m),
        ("rescale(0.5) + standard", lambda x, m, s: (x - m) / s),
        ("standard + rescale(2)", lambda x, m, s: 2 * (x - m) / s),
        ("rescale(-1.)", lambda x, m, s: -x),
    ],
)
def test_parts_follow_each_other(text, expected):
    images = pixels(np.float32)
    mean, std = images.mean(axis=(0, 1, 2)), images.std(axis=(0, 1, 2))
    found = normalize.build(text, split(images), ALL)(images)
    np.testing.assert_allclose(found, expected(images, mean, std), atol=1e-3)


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("scale", [False, True])
def test_samplewise_with_and_without(center, scale):
    images = pixels(np.float32)
    text = f"samplewise(center={center}, scale={scale})"
    found = normalize.build(text, split(images), ALL)(images).numpy()
    axes = (1, 2, 3)
    if center:
        np.testing.assert_allclose(found.mean(axis=axes), 0, atol=1e-3)
    if scale:
        np.testing.assert_allclose(found.std(axis=axes), 1, rtol=1e-4)
    if not center and not scale:
        np.testing.assert_array_equal(found, images)


def test_what_it_knows_can_be_put_back():
    """A run that goes on uses the statistics that it began with."""
    first = normalize.build("standard", split(pixels()), ALL)
    second = normalize.build("standard", split(pixels() // 2), ALL)
    assert first.variables.keys() == second.variables.keys() == {"0/mean", "0/scale"}
    for name, variable in second.variables.items():
        variable.assign(first.variables[name])
    np.testing.assert_array_equal(first(pixels()), second(pixels()))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("standart", "unknown normalization 'standart'; did you mean standard"),
        ("unit * zca", r"only '\+' can join"),
        ("zca('x')", "epsilon must be float"),
        ("zca(epsilon=0.)", "epsilon must be positive"),
        ("rescale(1e39)", r"factor must fit into 32 bits, not 1e\+39"),
        ("rescale", "missing a required argument: 'factor'"),
    ],
)
def test_refuses_a_wrong_spec(text, message):
    with pytest.raises(UsageError, match=message):
        normalize.parse(text)


@pytest.mark.parametrize("text", ["unit", "standard", "samplewise", "zca"])
def test_in_a_graph_and_on_replicas(text, mirrored):
    with mirrored.scope():
        scale = normalize.build(text, split(pixels()), ALL)
    images = tf.constant(pixels())
    share = tf.function(lambda: mirrored.run(scale, (images,)), autograph=False)
    for found in mirrored.experimental_local_results(share()):
        np.testing.assert_allclose(found, scale(images), atol=1e-5)
