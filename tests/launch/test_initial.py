"""Tests of framework/launch/initial.py: runs from pretrained weights, resumed."""

import dataclasses
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest

from framework.config import Config
from framework.errors import UsageError
from framework.launch import initial, run_folder, sources, trained
from framework.launch.run import run
from framework.models import names

CONFIG = Config(batch_size=128, train_for="2ep", train_dev=0.0, log_every="50")


def weights_of(model):
    return {w.name: w.variable.numpy() for w in names.weights(model)}


def saved(tmp_path):
    inputs = keras.Input((8, 8, 1))
    features = keras.layers.Rescaling(1 / 255)(inputs)
    features = keras.layers.Conv2D(4, 3, name="stem")(features)
    features = keras.layers.BatchNormalization()(features)
    features = keras.layers.Dropout(0.2)(keras.layers.Flatten()(features))
    outputs = keras.layers.Dense(7, activation="softmax")(features)
    model = keras.Model(inputs, outputs)
    model.layers[3].moving_mean.assign(np.full(4, 0.25))
    model.save(tmp_path / "net.keras")
    return model


@pytest.mark.extended
def test_a_keras_file_is_fine_tuned_resumed_and_exported(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = saved(tmp_path)
    config = dataclasses.replace(
        CONFIG,
        model="keras_file('net.keras')",
        freeze="backbone until 1ep",
        lr_scale="layerwise(.5)",
        optimizer="adam(weight_decay=.01)",
        workdir="whole",
    )
    whole = weights_of(run(config, quiet=True).model)
    half = dataclasses.replace(config, workdir="half", train_for="1ep")
    frozen = weights_of(run(half, quiet=True).model)
    np.testing.assert_array_equal(frozen["stem/kernel"], source.layers[2].kernel)
    np.testing.assert_array_equal(frozen["batch_normalization/moving_mean"], [0.25] * 4)
    assert np.any(frozen["head/bias"])
    # The network scales pixels itself.
    assert run_folder.read_config(Path("half")).normalize == "raw"
    # On another machine, the file does not exist.
    Path("net.keras").unlink()
    resumed = run(dataclasses.replace(half, train_for="2ep"), quiet=True)
    for name, value in weights_of(resumed.model).items():
        np.testing.assert_array_equal(value, whole[name], err_msg=name)
        assert not np.array_equal(value, frozen[name]), name
    shutil.move("half", "moved")
    network = trained.load("moved", "last")
    images = np.arange(128, dtype=np.uint8).reshape(2, 8, 8, 1)
    expected = resumed.predict(images)
    np.testing.assert_allclose(network.predict(images), expected, rtol=1e-5)


@pytest.mark.filterwarnings("ignore")
def test_weights_of_a_savedmodel(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = saved(tmp_path)
    source.export("exported", verbose=False)
    config = dataclasses.replace(CONFIG, init_from="exported", workdir="run")
    Path("run").mkdir()
    for _ in range(2):
        model = keras.models.clone_model(source)
        loaded = initial.load(config, model, sources.find(config))
        assert "exported: 8 of 8 weights" in loaded.lines["initial weights"]
        np.testing.assert_array_equal(model.layers[2].kernel, source.layers[2].kernel)
        sources.write(Path("run"), loaded.files, loaded.values, loaded.match)
        # The second time, from the run's copy.
        shutil.rmtree("exported", ignore_errors=True)


@pytest.mark.extended
def test_weights_of_another_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first = dataclasses.replace(CONFIG, model="mlp(units=(8, 6))", workdir="first")
    run(dataclasses.replace(first, ema=0.5), quiet=True)
    best = weights_of(trained.load("first").model)
    second = dataclasses.replace(
        CONFIG,
        model="mlp(units=(8, 4))",
        init_from="first",
        freeze="dense/",
        workdir="second",
        ema=0.5,
    )
    with pytest.raises(UsageError, match="no run and no file"):
        run(dataclasses.replace(second, init_from="nothing"), quiet=True)
    after = weights_of(run(second, quiet=True).model)
    for name in ("dense/kernel", "dense/bias"):
        np.testing.assert_array_equal(after[name], best[name])
    assert after["dense_1/kernel"].shape == (8, 4)
    shutil.rmtree("first")
    longer = dataclasses.replace(second, train_for="3ep")
    np.testing.assert_array_equal(
        weights_of(run(longer, quiet=True).model)["dense/kernel"], best["dense/kernel"]
    )
    third = dataclasses.replace(
        second, init_from="second", model="cnn(padding='same')", workdir="3"
    )
    with pytest.raises(UsageError, match=r"--init_from=second has no weight"):
        run(third, quiet=True)
