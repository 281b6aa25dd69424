"""Tests of framework/launch/exported.py."""

import keras
import numpy as np
import pytest

from framework.augment.normalize import Normalizer, Rescale
from framework.errors import RunError
from framework.launch import exported
from framework.launch.trained import Trained


def network(seed=0):
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((6, 6, 3))
    features = keras.layers.Conv2D(4, 3, activation="relu")(inputs)
    features = keras.layers.GlobalAveragePooling2D()(features)
    model = keras.Model(inputs, keras.layers.Dense(3)(features))
    scaling = Normalizer([Rescale(1 / 255)], [{}])
    return Trained(model, scaling, (6, 6, 3), np.dtype(np.uint8), ("a", "b", "c"), 1)


@pytest.mark.extended
@pytest.mark.parametrize("kind", ["savedmodel", "litert"])
def test_another_process_gives_the_same_probabilities(tmp_path, kind):
    path, trained = tmp_path / "model", network()
    if kind == "litert":
        exported.write_litert(trained, path)
    else:
        trained.export(path)
    assert exported.compare(trained, path, kind) < 1e-5
    with pytest.raises(RunError, match=r"differ by .* from those of the run; do not"):
        exported.compare(network(seed=1), path, kind)


@pytest.mark.extended
def test_what_cannot_be_read_is_an_error(tmp_path):
    (tmp_path / "model").write_bytes(b"no model")
    with pytest.raises(RunError, match="cannot be read in a fresh process"):
        exported.compare(network(), tmp_path / "model", "litert")
