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


OWN = """

@keras.saving.register_keras_serializable("test")
class CentredByBatch(keras.layers.Layer):
    def build(self, shape):
        self.count = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, inputs, training=False):
        import tensorflow as tf
        if training and IS_WRONG:
            context = tf.distribute.get_replica_context()
            return inputs * (1.0 + 1e-3 * context.num_replicas_in_sync)
        return inputs - tf.reduce_mean(inputs, axis=0)

def own(shape, classes):
    inputs = keras.Input(shape)
    features = CentredByBatch()(keras.layers.Flatten()(inputs))
    return keras.Model(inputs, keras.layers.Dense(classes)(features))
"""


@pytest.mark.extended
@pytest.mark.parametrize("is_wrong", [False, True])
def test_shards_tell_rounding_from_errors(command, is_wrong, tmp_path):
    (tmp_path / "models.py").write_text(MODELS + f"IS_WRONG = {is_wrong}" + OWN)
    flags = ("--train_for=5", "--shards=4", "--threads=1", "--model=models:own")
    actual = command("experiments.selfcheck", *flags, folder=tmp_path)
    assert actual.returncode == int(is_wrong), actual.stderr
    messages = ["0 of ", "This is no rounding, but an error of "]
    assert messages[is_wrong] in actual.stdout + actual.stderr


@pytest.mark.extended
def test_keras_dropout_is_refused_with_shards(command, tmp_path):
    (tmp_path / "models.py").write_text(MODELS)
    flags = ("--train_for=5", "--shards=4", "--model=models:net(layer='Dropout')")
    actual = command("experiments.selfcheck", *flags, folder=tmp_path)
    assert actual.returncode == 2, actual.stderr
    assert "--shards: the state of dropout" in actual.stderr
