"""Tests of framework/diagnose/recorder.py and metric_names.py."""

import shutil

import keras
import numpy as np
import pytest

from framework.diagnose import Watch, explain
from framework.diagnose.recorder import recorded
from framework.errors import RunError, UsageError


def data(count, seed):
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    images = generator.normal(size=(count, 6)).astype(np.float32)
    images[:, :3] += 3 * np.eye(3)[labels]
    return images, labels


TRAIN, VALIDATION = data(300, 0), data(150, 1)


def fitted(folder, rate=1e-5):
    keras.utils.set_random_seed(0)
    layers = [keras.Input((6,)), keras.layers.Dense(3, activation="softmax")]
    model = keras.Sequential(layers)
    model.compile(
        keras.optimizers.SGD(rate),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    before = model.get_weights()
    watch = Watch(folder, VALIDATION)
    model.fit(
        *TRAIN,
        epochs=6,
        batch_size=30,
        validation_data=VALIDATION,
        callbacks=[watch],
        verbose=0,
    )
    return model, before


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """The folder of a recording, and the weights before the training."""
    folder = tmp_path_factory.mktemp("watched") / "mine"
    _, before = fitted(folder)
    return folder, before


@pytest.mark.extended
def test_what_was_watched_is_explained_without_training_anew(tmp_path):
    model, before = fitted(tmp_path / "mine")
    after = model.get_weights()
    rows, predictions, first = recorded(tmp_path / "mine")
    assert [row["step"] for row in rows] == [10, 20, 30, 40, 50, 60]
    assert all(map(np.array_equal, first, before))
    predicted = model.predict(VALIDATION[0], verbose=0).argmax(axis=1)
    assert np.array_equal(predictions[-1].predicted, predicted)
    counted = np.mean(predicted == VALIDATION[1])
    assert rows[-1]["validation/accuracy"] == pytest.approx(counted)
    diagnosis = explain(
        model,
        train=TRAIN,
        validation=VALIDATION,
        epochs=6,
        batch_size=30,
        watched=str(tmp_path / "mine"),
    )
    assert [each.cause.name for each in diagnosis.confirmed] == [
        "learning_rate_too_low"
    ]
    assert all(map(np.array_equal, model.get_weights(), after))


def test_damaged_weights_are_told(watched, tmp_path):
    folder = shutil.copytree(watched[0], tmp_path / "mine")
    path = folder / "initial.npz"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(RunError, match=r"initial.npz cannot be read"):
        recorded(folder)


def test_a_recording_of_an_earlier_version_is_read(watched, tmp_path):
    folder, before = watched
    folder = shutil.copytree(folder, tmp_path / "mine")
    np.savez(folder / "initial.npz", *before)
    _, _, first = recorded(folder)
    assert all(map(np.array_equal, first, before))


def test_weights_in_bfloat16_are_kept(tmp_path):
    layer = keras.layers.Dense(3, dtype="bfloat16")
    model = keras.Sequential([keras.Input((6,)), layer])
    model.compile("sgd", "mse")
    watch = Watch(tmp_path / "mine")
    watch.set_model(model)
    watch.on_train_begin()
    watch.on_train_batch_end(0)
    watch.on_epoch_end(0, {"loss": 1.0})
    _, _, first = recorded(tmp_path / "mine")
    assert np.array_equal(first[0], np.asarray(layer.kernel, np.float32))


def test_a_recording_is_not_written_over(watched):
    with pytest.raises(UsageError, match="give another folder"):
        Watch(watched[0])


def test_without_a_recording_there_is_one_clear_line(tmp_path):
    with pytest.raises(UsageError, match="holds no recording"):
        recorded(tmp_path)
