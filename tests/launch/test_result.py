"""Tests of framework/launch/result.py."""

import keras
import numpy as np
import pytest
from PIL import Image

from framework import Config, Result, run
from framework.data.arrays import digits
from framework.errors import RunError, UsageError

DATA = digits().validation
ARRAYS = (DATA.images[:200], DATA.labels[:200], DATA.images[200:], DATA.labels[200:])
IMAGES, LABELS = ARRAYS[2:]


def network(image_shape, num_classes):
    layers = [keras.Input(image_shape), keras.layers.Flatten()]
    return keras.Sequential([*layers, keras.layers.Dense(num_classes)])


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    """Of a run whose last weights are worse than the best, and are averaged."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    config = Config(
        train_for="4ep",
        batch_size=50,
        learning_rate=0.3,
        schedule="piecewise(boundaries=(3ep,), values=(.1, 20))",
        optimizer="sgd",
        train_dev=0.0,
        ema=0.5,
        workdir=str(folder),
    )
    return run(config, network, ARRAYS, quiet=True)


def accuracy(result):
    return np.mean(result.predict(IMAGES).argmax(axis=1) == LABELS)


def test_it_has_the_weights_that_were_evaluated(result):
    last, best = result.history.rows[-1], result.history.best("validation/accuracy")
    assert accuracy(result) == pytest.approx(last["validation/accuracy"])
    metrics = result.evaluate(IMAGES, LABELS)
    for name in ("accuracy", "loss", "balanced_accuracy", "macro_f1", "ece"):
        assert metrics[name] == pytest.approx(last[f"validation/{name}"], rel=1e-4)
    for weights, row in (("last", last), ("best", best)):
        loaded = Result.load(result.folder, weights, network)
        assert accuracy(loaded) == pytest.approx(row["validation/accuracy"])
        assert loaded.trained.step == row["step"]
    loaded = Result.load(result.folder, model=network)
    assert loaded.use_best() is loaded
    assert accuracy(loaded) == pytest.approx(best["validation/accuracy"])
    assert loaded.trained.step == best["step"]


def test_one_image_and_files_are_predicted_like_an_array(result, tmp_path):
    expected = result.predict(IMAGES[:2])
    np.testing.assert_allclose(result.predict(IMAGES[0]), expected[:1], rtol=1e-5)
    paths = [tmp_path / "0.png", tmp_path / "1.png"]
    for path, image in zip(paths, IMAGES, strict=False):
        Image.fromarray(image[..., 0]).save(path)
    for given, rows in ((paths, expected), (str(paths[1]), expected[1:])):
        np.testing.assert_allclose(result.predict(given), rows, rtol=1e-5)
    np.testing.assert_allclose(result.predict(tmp_path), expected, rtol=1e-5)
    paths[0].write_bytes(b"no image")
    with pytest.raises(RunError, match=r"0\.png cannot be read"):
        result.predict(tmp_path)


@pytest.mark.parametrize("change", [lambda x: x // 16, lambda x: x // 255])
def test_images_of_another_scale_are_warned_about(result, change):
    with pytest.warns(UserWarning, match=r"those in training had 0 to 255"):
        result.predict(change(IMAGES))


def test_labels_that_do_not_fit_are_refused(result):
    for labels in (LABELS[1:], np.eye(10)[LABELS], LABELS + 10, LABELS - 1.5):
        with pytest.raises(UsageError, match="labels must be"):
            result.evaluate(IMAGES, labels)


def test_it_shows_its_curve(result):
    best = result.history.best("validation/accuracy")["validation/accuracy"]
    assert f"validation/accuracy {best:.4g} at its best" in repr(result)
    page = result._repr_html_()
    assert "<svg" in page
    assert "<script" not in page
