"""Tests of framework/commands/selfcheck.py."""

import pytest

MODELS = """
import keras

def net(shape, classes, layer):
    inputs = keras.Input(shape)
    features = keras.layers.Flatten()(inputs)
    features = keras.layers.Dense(8, activation="tanh")(features)
    if layer:
        options = {"rate": 0.5} if layer == "Dropout" else {}
        features = getattr(keras.layers, layer)(**options)(features)
    return keras.Model(inputs, keras.layers.Dense(classes)(features))
"""


@pytest.mark.extended
@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("", "the same run"),
        pytest.param(
            "Dropout", "(Dropout): its outputs differ", marks=pytest.mark.slow
        ),
        ("BatchNormalization", "(BatchNormalization): its outputs differ"),
    ],
)
def test_says_which_layer_is_to_blame(command, layer, message, tmp_path):
    (tmp_path / "models.py").write_text(MODELS)
    actual = command(
        "experiments.selfcheck",
        "--train_for=5",
        f"--model=models:net(layer='{layer}')",
        folder=tmp_path,
    )
    assert actual.returncode == int(bool(layer)), actual.stderr
    assert message in actual.stdout + actual.stderr
