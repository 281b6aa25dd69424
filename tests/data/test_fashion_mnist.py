"""Tests of framework/data/fashion_mnist.py."""

import gzip
import hashlib
import pathlib

import numpy as np
import pytest

from framework.data.fashion_mnist import fashion_mnist
from framework.errors import RunError, UsageError

INSTALLED = pathlib.Path("/usr/share/datasets/fashion-mnist")
MANIFEST = pathlib.Path(__file__).parents[2] / "third_party/datasets.toml"
TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"


def idx(array):
    header = bytes((0, 0, 8, array.ndim)) + np.array(array.shape, ">u4").tobytes()
    return header + array.astype(np.uint8).tobytes()


def pictures(count):
    return np.arange(count * 28 * 28).reshape(count, 28, 28) % 251


@pytest.fixture
def contents():
    return {
        TRAIN_IMAGES: idx(pictures(6)),
        TRAIN_LABELS: idx(np.arange(6)),
        TEST_IMAGES: idx(pictures(3)),
        TEST_LABELS: idx(np.array([9, 8, 7])),
    }


def write(root, contents, compress=True):
    for name, content in contents.items():
        if compress:
            (root / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (root / name).write_bytes(content)
    return str(root)


@pytest.mark.parametrize("compress", [True, False])
def test_reads_both_splits(tmp_path, contents, compress):
    dataset = fashion_mnist(write(tmp_path, contents, compress))
    assert dataset.image_shape == (28, 28, 1)
    assert dataset.class_names[0] == "T-shirt/top"
    assert dataset.class_names[9] == "Ankle boot"
    np.testing.assert_array_equal(dataset.train.images[..., 0], pictures(6))
    np.testing.assert_array_equal(dataset.train.labels, np.arange(6))
    np.testing.assert_array_equal(dataset.validation.images[..., 0], pictures(3))
    np.testing.assert_array_equal(dataset.validation.labels, [9, 8, 7])
    assert dataset.train.images.dtype == np.uint8
    assert dataset.train.labels.dtype == np.int32


def test_absent_files_are_one_line_with_both_ways_to_get_them(tmp_path):
    with pytest.raises(UsageError) as caught:
        fashion_mnist(str(tmp_path / "nowhere"))
    message = str(caught.value)
    assert "\n" not in message
    for part in ("nowhere", "apt-get install dataset-fashion-mnist", "zalandoresearch"):
        assert part in message


def test_names_the_file_that_is_missing(tmp_path, contents):
    del contents[TEST_LABELS]
    with pytest.raises(UsageError, match="no t10k-labels-idx1-ubyte"):
        fashion_mnist(write(tmp_path, contents))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (TRAIN_IMAGES, b"", "begins with , not 00000803"),
        (TRAIN_IMAGES, b"<html>Not found", "begins with 3c68746d, not 00000803"),
        (TRAIN_IMAGES, idx(np.zeros(6)), "begins with 00000801, not 00000803"),
        (TEST_LABELS, idx(np.zeros((3, 2, 2))), "begins with 00000803, not 00000801"),
        (TRAIN_IMAGES, idx(pictures(6))[:9], r"should hold 0 values.* has 0;"),
        (TRAIN_IMAGES, idx(pictures(6))[:-1], r"4704 .*\(6, 28, 28\), but has 4703;"),
        (TRAIN_LABELS, idx(np.arange(6)) + b"x", r"should hold 6 .* has 7;"),
        # Sizes whose product overflows.
        (TRAIN_IMAGES, bytes((0, 0, 8, 3)) + b"\xff" * 12, "should hold"),
        (TRAIN_LABELS, idx(np.arange(5)), r"6 images have labels of shape \(5,\)"),
        (TEST_LABELS, idx(np.array([0, 1, 10])), "label 10 of image 2"),
    ],
)
@pytest.mark.parametrize("compress", [True, False])
def test_refuses_damaged_content(tmp_path, contents, name, content, message, compress):
    contents[name] = content
    with pytest.raises(RunError, match=message):
        fashion_mnist(write(tmp_path, contents, compress))


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2],
        lambda data: b"no gzip file",
        lambda data: data[:40] + b"\x00\xff" * 10 + data[60:],
    ],
    ids=["truncated", "other", "altered"],
)
def test_refuses_a_damaged_gzip_file(tmp_path, contents, damage):
    write(tmp_path, contents)
    file = tmp_path / f"{TRAIN_IMAGES}.gz"
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(RunError, match=f"{TRAIN_IMAGES}.gz cannot be read") as caught:
        fashion_mnist(str(tmp_path))
    assert "\n" not in str(caught.value)


@pytest.mark.real_data
def test_the_real_files():
    dataset = fashion_mnist()
    assert dataset.train.images.shape == (60000, 28, 28, 1)
    assert dataset.validation.images.shape == (10000, 28, 28, 1)
    for split, count in ((dataset.train, 6000), (dataset.validation, 1000)):
        assert np.bincount(split.labels).tolist() == [count] * 10


@pytest.mark.real_data
def test_the_manifest_knows_the_real_files():
    tomllib = pytest.importorskip("tomllib")
    sums = tomllib.loads(MANIFEST.read_text())["fashion_mnist"]["sha256"]
    for name, expected in sums.items():
        packed = (INSTALLED / f"{name}.gz").read_bytes()
        assert hashlib.sha256(gzip.decompress(packed)).hexdigest() == expected
    assert sorted(sums) == sorted(
        [TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS]
    )
