"""Tests of framework/diagnose/core/embedding.py."""

import keras
import numpy as np
import pytest

from framework.diagnose.core import embedding
from framework.diagnose.core.embedding import Embedding
from framework.errors import UsageError

L = keras.layers


def images(count=5, shape=(8, 8, 3)):
    return np.random.default_rng(0).integers(0, 256, (count, *shape)).astype(np.uint8)


def means(batch):
    return batch.mean(axis=(1, 2))


def saved(folder, *layers, shape=(None, None, 3)):
    path = folder / "net.keras"
    keras.Sequential([keras.Input(shape), *layers]).save(path)
    return str(path)


def test_each_image_is_computed_once():
    seen = []

    def counted(batch):
        seen.append(len(batch))
        return means(batch)

    features, batch = Embedding(counted, "means"), images(70)
    assert np.allclose(features(batch), means(batch))
    assert sum(seen) == 70
    assert max(seen) <= 64
    both = np.concatenate([batch[3:5], images(2, (8, 8, 3)) // 2])
    assert np.allclose(features(both), means(both))
    assert sum(seen) == 72
    assert features(batch[:0]).shape == (0, 3)
    assert str(features) == "3 features of means"


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda batch: batch, r"return features \[B, D\]: of 2 images, it returns"),
        (lambda batch: batch.mean(axis=(1, 2))[:1], "of 2 images, it returns"),
        (lambda batch: np.zeros((len(batch), 0)), r"it returns \(2, 0\)"),
        (lambda batch: np.full((len(batch), 3), np.nan), "not finite"),
        (lambda batch: np.full((len(batch), 3), "a"), "numbers, not <U1"),
        (lambda batch: 1 / 0, "cannot take images of .8, 8, 3.*division by zero"),
        ("lite0.keras", "a Keras model or a function .* not a str"),
    ],
)
def test_what_is_no_embedding_is_one_error(function, message):
    with pytest.raises(UsageError, match=message):
        embedding.given(function, images())


@pytest.mark.parametrize(
    ("first", "pixels", "scale"),
    [
        ([L.Rescaling(1 / 255)], "", 1 / 255),
        ([L.Identity()], "raw", 1),
        ([L.Identity()], "unit", 1 / 255),
    ],
)
def test_a_file_has_its_own_pixels_or_those_of_the_flag(tmp_path, first, pixels, scale):
    path = saved(tmp_path, *first, L.GlobalAveragePooling2D())
    features = embedding.of_file(path, pixels)
    batch = images()
    assert np.allclose(features(batch), means(batch) * scale, atol=1e-4)
    assert features.name == "net.keras"
    grey = embedding.of_file(path, pixels)(batch[..., :1])
    assert np.allclose(grey, means(batch[..., :1]) * scale, atol=1e-4)


def test_images_are_resized_to_what_a_file_takes(tmp_path):
    path = saved(tmp_path, L.Rescaling(1 / 255), L.Flatten(), shape=(4, 4, 3))
    assert embedding.of_file(path)(images()).shape == (5, 48)


def test_a_model_in_python_gets_images_as_they_are():
    model = keras.Sequential([keras.Input((8, 8, 3)), L.GlobalAveragePooling2D()])
    batch = images() / 255
    assert np.allclose(embedding.given(model, batch)(batch), means(batch), atol=1e-6)
    assert embedding.given(None, batch) is None


@pytest.mark.parametrize(
    ("layers", "pixels", "message"),
    [
        ([L.GlobalAveragePooling2D()], "", "say which pixels .* --embedding_pixels"),
        (
            [L.Rescaling(1 / 255), L.GlobalAveragePooling2D()],
            "unit",
            "--embedding_pixels=unit, but .* takes raw pixels",
        ),
        ([L.Rescaling(1 / 255)], "", r"returns \(None, None, None, 3\), not features"),
        (
            [L.Lambda(lambda x: x), L.GlobalAveragePooling2D()],
            "raw",
            "contains code: Lambda; an embedding must have layers of Keras only",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_one_error(tmp_path, layers, pixels, message):
    path = saved(tmp_path, *layers)
    with pytest.raises(UsageError, match=message):
        embedding.of_file(path, pixels)


def test_a_file_that_is_none_is_one_error(tmp_path):
    with pytest.raises(UsageError, match=r"there is no file '.*nothing\.keras'"):
        embedding.of_flags(str(tmp_path / "nothing.keras"), "")
    with pytest.raises(UsageError, match=r"takes a \.keras file, not 'weights\.pth'"):
        embedding.of_flags("weights.pth", "")
    (tmp_path / "damaged.keras").write_bytes(b"PK no more")
    with pytest.raises(UsageError, match=r"is not a \.keras file"):
        embedding.of_flags(str(tmp_path / "damaged.keras"), "raw")
    with pytest.raises(UsageError, match="needs --embedding"):
        embedding.of_flags("", "raw")
    assert embedding.of_flags("", "") is None
