"""Tests of framework/augment/normalize.py."""

import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from framework.augment import normalize
from framework.augment.normalize import Normalizer, Standard
from framework.data.split import LazySplit, Split
from framework.errors import UsageError

GOLDEN = pathlib.Path(__file__).parents[1] / "golden/augment"


def split(images):
    return Split(images, np.zeros(images.shape[0], np.int32))


def statistics_of(scale):
    """Returns the statistics of a normalization with one step."""
    return {name[2:]: value.numpy() for name, value in scale.variables.items()}


def pixels(dtype=np.uint8, count=50):
    images = np.random.default_rng(0).uniform(0, 255, (count, 4, 5, 3))
    # Channels differ, so that a mix-up is detected.
    return (images * (1.0, 0.5, 0.2)).astype(dtype)


ALL = np.arange(50)


def test_unit_scales_bytes_to_0_to_1():
    scale = normalize.build("unit", split(pixels()), ALL)
    actual = scale(np.array([[[[0, 51, 255]]]], np.uint8))
    assert actual.dtype == np.float32
    np.testing.assert_allclose(actual, [[[[0.0, 0.2, 1.0]]]], rtol=1e-6)


@pytest.mark.parametrize(
    ("kind", "dtype"), [("unit", np.float32), ("none", np.float32), ("none", np.uint8)]
)
def test_leaves_images_unchanged(kind, dtype):
    images = pixels(dtype)
    actual = normalize.build(kind, split(images), ALL)(images)
    assert actual.dtype == np.float32
    np.testing.assert_array_equal(actual, images)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_standard_gives_each_channel_mean_0_and_deviation_1(dtype):
    images = pixels(dtype)
    actual = normalize.build("standard", split(images), ALL)(images).numpy()
    np.testing.assert_allclose(actual.mean(axis=(0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(actual.std(axis=(0, 1, 2)), 1, rtol=1e-5)


def test_standard_is_fitted_to_the_training_images():
    images = pixels(np.float32)
    rows = np.array([2, 3, 5, 7, 11])
    scale = normalize.build("standard", split(images), rows)
    actual, axes = statistics_of(scale), (0, 1, 2)
    np.testing.assert_allclose(actual["mean"], images[rows].mean(axis=axes), rtol=1e-5)
    np.testing.assert_allclose(1 / actual["scale"], images[rows].std(axes), rtol=1e-5)


class OnDisk:
    """Images that are not in memory."""

    def __init__(self, array):
        self.array, self.shape, self.dtype = array, array.shape, array.dtype

    def take(self, indices):
        return OnDisk(self.array[indices])

    def load(self, progress):
        return self.array


def on_disk(images, labels):
    return LazySplit(OnDisk(images), labels)


@pytest.mark.parametrize(("kind", "mean"), [(Split, 9 / 101), (on_disk, 3.0)])
def test_only_images_not_in_memory_are_sampled(kind, mean, monkeypatch):
    monkeypatch.setattr(normalize, "_SAMPLE", 3)
    images = np.zeros((101, 1, 1, 1), np.float32)
    images[[0, 50, 100]] = np.reshape([1.0, 2.0, 6.0], (3, 1, 1, 1))
    labels = np.zeros(101, np.int32)
    scale = normalize.build("standard", kind(images, labels), np.arange(101))
    np.testing.assert_allclose(statistics_of(scale)["mean"], [mean], rtol=1e-6)


def test_zca_is_fitted_to_an_even_sample(monkeypatch):
    images = pixels(np.float32, count=201)
    expected = normalize.build("zca", split(images[::2]), np.arange(101))
    monkeypatch.setattr(normalize, "_SAMPLE", 101)
    actual = normalize.build("zca", split(images), np.arange(201))
    for name, value in statistics_of(expected).items():
        np.testing.assert_array_equal(statistics_of(actual)[name], value)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_statistics_do_not_depend_on_the_memory_they_take(dtype, monkeypatch):
    images = np.random.default_rng(0).normal(99, 20, (50, 9, 11, 3)).astype(dtype)
    split, rows = Split(images, np.zeros(50, np.int32)), np.arange(50)
    results = []
    for values in (normalize._VALUES, 3000, 64):
        monkeypatch.setattr(normalize, "_VALUES", values)
        variables = normalize.build("standard", split, rows).variables
        results.append([value.numpy().tobytes() for value in variables.values()])
    assert results[0] == results[1] == results[2]


def test_standard_of_several_chunks():
    images = pixels(np.float32, count=2500)
    scale = normalize.build("standard", split(images), np.arange(2500))
    expected = images.astype(np.float64)
    actual, axes = statistics_of(scale), (0, 1, 2)
    np.testing.assert_allclose(actual["mean"], expected.mean(axis=axes), rtol=1e-6)
    np.testing.assert_allclose(1 / actual["scale"], expected.std(axes), rtol=1e-6)


@pytest.mark.parametrize("value", [0, 200, 255])
def test_a_constant_channel_becomes_0(value):
    images = pixels()
    images[..., 1] = value
    actual = normalize.build("standard", split(images), ALL)(images).numpy()
    assert np.isfinite(actual).all()
    np.testing.assert_allclose(actual[..., 1], 0, atol=1e-6)


def test_float_images_of_low_contrast_are_standardized():
    images = (pixels(np.float32) / 255 * 1e-3).astype(np.float32)
    actual = normalize.build("standard", split(images), ALL)(images).numpy()
    np.testing.assert_allclose(actual.std(axis=(0, 1, 2)), 1, rtol=1e-3)


def test_subtracts_before_scaling():
    statistics = {"mean": np.array([1.0, 2.0]), "scale": np.array([0.5, 0.25])}
    actual = Normalizer([Standard()], [statistics])(np.array([[[[5.0, 10.0]]]]))
    np.testing.assert_allclose(actual, [[[[2.0, 2.0]]]])


IDG = np.load(GOLDEN / "idg.npz")


def assert_matches_keras(name, actual):
    np.testing.assert_allclose(actual, IDG[name], rtol=1e-5, atol=1e-3)


def test_samplewise_matches_keras():
    image = json.loads((GOLDEN / "idg.json").read_text())["image"]
    assert "affine.json" in image
    i, j, k = np.ogrid[:16, :16, :3]
    picture = ((7 * i + 11 * j + 29 * k + 13 * (i * j % 5)) % 256).astype(np.uint8)
    images = np.stack([picture] * 2)
    scale = normalize.build("unit + samplewise", split(images), np.arange(2))
    assert_matches_keras("std_sample", scale(images)[0])


def test_standard_matches_keras():
    images = IDG["fit_data"].astype(np.float32)
    scale = normalize.build("standard", split(images), np.arange(8))
    actual = statistics_of(scale)
    mean, std = np.split(IDG["fit_mean_std"], 2)
    np.testing.assert_allclose(actual["mean"], mean, rtol=1e-5)
    np.testing.assert_allclose(1 / actual["scale"], std, rtol=1e-5)
    assert_matches_keras("std_feature", scale(images[:2]))


def test_zca_matches_keras():
    images = IDG["zca_data"]
    scale = normalize.build("zca", split(images), np.arange(120))
    assert_matches_keras("zca_matrix", statistics_of(scale)["matrix"])
    assert_matches_keras("zca_out", scale(images[:2]))


def test_zca_whitens():
    images = pixels(np.float32, count=2000)
    actual = normalize.build("zca", split(images), np.arange(2000))(images)
    rows = np.reshape(actual, (2000, -1)).astype(np.float64)
    moments = rows.T @ rows / 2000
    np.testing.assert_allclose(moments, np.eye(60), atol=1e-3)


def test_zca_drops_directions_without_variance():
    """Keras would amplify them ten million times."""
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
def test_steps_are_applied_in_order(text, expected):
    images = pixels(np.float32)
    mean, std = images.mean(axis=(0, 1, 2)), images.std(axis=(0, 1, 2))
    actual = normalize.build(text, split(images), ALL)(images)
    np.testing.assert_allclose(actual, expected(images, mean, std), atol=1e-3)


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("scale", [False, True])
def test_samplewise_options(center, scale):
    images = pixels(np.float32)
    text = f"samplewise(center={center}, scale={scale})"
    actual = normalize.build(text, split(images), ALL)(images).numpy()
    axes = (1, 2, 3)
    if center:
        np.testing.assert_allclose(actual.mean(axis=axes), 0, atol=1e-3)
    if scale:
        np.testing.assert_allclose(actual.std(axis=axes), 1, rtol=1e-4)
    if not center and not scale:
        np.testing.assert_array_equal(actual, images)


def test_statistics_can_be_restored():
    """A resumed run uses the statistics of its start."""
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
    normalize_replicas = tf.function(
        lambda: mirrored.run(scale, (images,)), autograph=False
    )
    for actual in mirrored.experimental_local_results(normalize_replicas()):
        np.testing.assert_allclose(actual, scale(images), atol=1e-5)
