"""Tests of framework/launch/predictions.py."""

import csv
import dataclasses
import io

import keras
import numpy as np
import pytest
from PIL import Image

from framework.augment.normalize import Normalizer, Rescale
from framework.errors import UsageError
from framework.launch import predictions
from framework.launch.trained import Trained

NAMES = ("dark", "bright")


def network(channels=1, dtype="uint8"):
    """Says "bright" of images whose mean is above one half."""
    inputs = keras.Input((4, 4, channels))
    mean = keras.layers.GlobalAveragePooling2D()(inputs)
    dense = keras.layers.Dense(2)
    outputs = dense(mean)
    kernel = np.repeat([[0.0, 9.0 / channels]], channels, axis=0)
    dense.set_weights([kernel, np.array([0.0, -4.5])])
    scaling = Normalizer([Rescale(1 / 255)], [{}])
    shape = (4, 4, channels)
    model = keras.Model(inputs, outputs)
    return Trained(model, scaling, shape, np.dtype(dtype), NAMES, 7)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "deep").mkdir()
    for name, shade in (("b.png", 250), ("deep/a.png", 5), ("c.png", 240)):
        Image.fromarray(np.full((8, 6), shade, np.uint8)).save(tmp_path / name)
    (tmp_path / "broken.png").write_bytes(b"no image")
    (tmp_path / "notes.txt").write_text("not an image")
    return tmp_path


def table(rows, top=2):
    file = io.StringIO()
    problems = predictions.write(rows, NAMES, top, file)
    return list(csv.reader(io.StringIO(file.getvalue()))), problems


def test_files_and_folders_in_order(folder):
    rows = predictions.predict(network(), [str(folder / "c.png"), str(folder)])
    lines, problems = table(rows)
    assert lines[0] == [
        "file",
        "class",
        "probability",
        "class_2",
        "probability_2",
    ]
    assert {len(line) for line in lines} == {5}
    assert [line[:2] for line in lines[1:]] == [
        [str(folder / "c.png"), "bright"],
        [str(folder / "b.png"), "bright"],
        [str(folder / "broken.png"), ""],
        [str(folder / "c.png"), "bright"],
        [str(folder / "deep/a.png"), "dark"],
    ]
    assert float(lines[1][2]) + float(lines[1][4]) == pytest.approx(1, abs=1e-5)
    assert list(problems) == [str(folder / "broken.png")]
    assert "is not a complete image file" in problems[str(folder / "broken.png")]


def test_files_are_read_in_chunks(folder, monkeypatch):
    whole = list(predictions.predict(network(), [str(folder)]))
    monkeypatch.setattr(predictions, "_CHUNK", 2)
    parts = list(predictions.predict(network(), [str(folder)]))
    assert [name for name, _ in parts] == [name for name, _ in whole]
    for (_, part), (_, other) in zip(parts, whole, strict=True):
        assert isinstance(part, str) or np.array_equal(part, other)


@pytest.mark.parametrize("key", ["x", "images", "anything", None])
def test_arrays(tmp_path, key):
    images = np.stack([np.full((4, 4, 1), shade, np.uint8) for shade in (0, 255)])
    path = tmp_path / ("a.npz" if key else "a.npy")
    np.savez(path, **{key: images}) if key else np.save(path, images)
    lines, problems = table(predictions.predict(network(), [str(path)]), top=1)
    assert [line[:2] for line in lines[1:]] == [
        [f"{path}[0]", "dark"],
        [f"{path}[1]", "bright"],
    ]
    assert not problems


def test_colours_of_a_file_are_those_of_the_network(folder):
    (_, row), *_ = predictions.predict(network(channels=3), [str(folder / "b.png")])
    assert NAMES[row.argmax()] == "bright"


def test_what_cannot_be_predicted(folder, tmp_path):
    with pytest.raises(UsageError, match="there is no file or folder"):
        predictions.predict(network(), [str(folder / "b.png"), "nothing.png"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"has no image files \(\.jpg, "):
        predictions.predict(network(), [str(tmp_path / "empty")])
    for other in (network(dtype="float32"), network(channels=2)):
        with pytest.raises(UsageError, match="not on image files; give an "):
            predictions.predict(other, [str(folder)])


def array(path, content):
    with open(path, "wb") as file:
        file.write(content)
    return str(path)


def test_arrays_that_do_not_fit(tmp_path):
    np.savez(tmp_path / "two.npz", a=np.zeros(1), b=np.zeros(1))
    np.save(tmp_path / "large.npy", np.zeros((1, 5, 5, 1), np.uint8))
    np.save(tmp_path / "objects.npy", np.array([None]), allow_pickle=True)
    array(tmp_path / "text.npy", b"text")
    for name, message in (
        ("two.npz", "two.npz: it has the arrays a, b; name one of them x"),
        ("large.npy", r"large.npy: images must be \[N, 4, 4, 1\]"),
        ("objects.npy", "it is no file of arrays"),
        ("text.npy", "it is no file of arrays"),
    ):
        with pytest.raises(UsageError, match=message):
            list(predictions.predict(network(), [str(tmp_path / name)]))


def test_files_are_fitted_as_in_training(tmp_path):
    """A bright middle between dark ends: cropping leaves the bright part only."""
    image = np.zeros((4, 40), np.uint8)
    image[:, 16:24] = 255
    Image.fromarray(image).save(tmp_path / "a.webp", lossless=True)
    for resize, name in (("squash", "dark"), ("crop", "bright")):
        trained = dataclasses.replace(network(), resize=resize)
        ((_, row),) = predictions.predict(trained, [str(tmp_path / "a.webp")])
        assert NAMES[row.argmax()] == name
