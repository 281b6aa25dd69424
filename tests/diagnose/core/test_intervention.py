"""Tests of framework/diagnose/core/intervention.py and keras_code.py."""

import dataclasses
import json
import shlex
import subprocess
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from framework.config import Config
from framework.diagnose.checks.training.loss_output_mismatch import LossOutputMismatch
from framework.diagnose.checks.training.overfitting import AUGMENT, FLIP
from framework.diagnose.core import intervention as intervention_lib
from framework.diagnose.core.causes import CAUSES
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import NotApplicableError
from framework.diagnose.measure.loss_probe import OutputProbe
from framework.diagnose.programs.trial_config import trial_config
from framework.errors import UsageError

_FACTORS = (
    "learning_rate_factor",
    "batch_size_factor",
    "width_factor",
    "train_for_factor",
)
# The length of a trial is its own; `RunProgram` trains on for as long as is printed.
_LENGTH = {"train_for", "early_stopping"}
_POWERS = st.sampled_from([0.25, 0.5, 1.0, 2.0, 4.0])
_INTERVENTIONS = st.builds(
    Intervention,
    learning_rate_factor=_POWERS,
    batch_size_factor=_POWERS,
    width_factor=_POWERS,
    train_for_factor=_POWERS,
    seed=st.integers(0, 1),
    standardize=st.booleans(),
    activation=st.sampled_from(["", "relu", "leaky_relu"]),
    dropout=st.sampled_from([None, 0.0, 0.5]),
    weight_decay=st.sampled_from([None, 0.0, 0.01]),
    augment=st.sampled_from([None, "", "flip"]),
    shuffle=st.booleans(),
    balance=st.booleans(),
    exclude=st.sampled_from([(), ("a.csv",), ("b.csv", "a.csv")]),
)


@given(_INTERVENTIONS)
def test_no_intervention_is_the_identity(intervention):
    nothing, differences = Intervention(), intervention.differences()
    assert (intervention | nothing).differences() == differences
    assert (nothing | intervention).differences() == differences


@given(_INTERVENTIONS)
def test_json_and_back_is_the_same(intervention):
    fields = json.loads(json.dumps(intervention.as_json(), allow_nan=False))
    back = Intervention.of_json(fields)
    assert back.differences() == intervention.differences()


def test_images_of_its_own_have_no_json(scans):
    assert Intervention(train=scans.train).as_json() is None
    scaled = Intervention(rescale=(0.5, -1.0))
    fields = json.loads(json.dumps(scaled.as_json()))
    assert Intervention.of_json(fields).rescale == (0.5, -1.0)


@pytest.mark.parametrize(
    "fields",
    [
        {"x": 1},
        {"train": []},
        {"learning_rate_factor": "2"},
        {"learning_rate_factor": True},
        {"learning_rate_factor": float("nan")},
        {"learning_rate_factor": None},
        {"clip_norm": [1.0]},
        {"standardize": 1},
        {"augment": 5},
        {"seed": 1.5},
        {"rescale": [1.0]},
        {"rescale": [1.0, "2"]},
        {"exclude": "a.csv"},
        {"exclude": ["a.csv", 1]},
    ],
)
def test_other_json_is_refused(fields):
    with pytest.raises(UsageError, match="is no change of a training"):
        Intervention.of_json(fields)


@given(_INTERVENTIONS)
def test_each_change_is_of_flags_or_beyond_them(intervention):
    """Or of a step that this framework has not; then nothing is left to flags."""
    config = Config(
        learning_rate=1.0,
        normalize="unit",
        optimizer="adam(weight_decay=0.02)",
        model="mine:net()",
    )
    try:
        difference = config.difference(intervention.apply(config))
    except NotApplicableError:
        return
    if not difference:
        assert set(intervention.differences()) <= {
            *intervention.beyond_flags(config),
            "augment",
        }


@pytest.mark.parametrize(
    ("change", "config", "flags", "beyond"),
    [
        (
            Intervention(dropout=0.5, augment="flip"),
            Config(model="cnn"),
            ("--augment=flip", "--model=cnn(dropout=0.5)"),
            (),
        ),
        # It has a model whose dropout no argument sets.
        (
            Intervention(dropout=0.5),
            Config(model="resnet"),
            (),
            ("dropout",),
        ),
        (Intervention(dropout=0.0), Config(model="mlp"), (), ()),
        (
            Intervention(dropout=0.2),
            Config(model="mine:net(3, dropout=.9)"),
            ("--model=mine:net(3, dropout=0.2)",),
            (),
        ),
        (Intervention(dropout=0.2), Config(model="mine:net(3)"), (), ("dropout",)),
        (
            Intervention(width_factor=4.0),
            Config(model="cnn((8, 16), padding='same')"),
            ("--model=cnn(filters=(32, 64), padding='same', dense=512)",),
            (),
        ),
        (
            Intervention(width_factor=2.0),
            Config(model="resnet(width=8)"),
            ("--model=resnet(width=16)",),
            (),
        ),
        # A linear classifier gets a hidden layer, which is no multiple.
        (
            Intervention(width_factor=4.0),
            Config(model="mlp(units=())"),
            (),
            ("width_factor",),
        ),
        (
            Intervention(width_factor=4.0),
            Config(model="given(parameters=5)"),
            (),
            ("width_factor",),
        ),
        (
            Intervention(consistent_loss=True),
            Config(loss="mine:loss(2)"),
            ("--loss=cross_entropy",),
            (),
        ),
        (
            Intervention(consistent_loss=True),
            Config(loss="focal"),
            (),
            ("consistent_loss",),
        ),
        (
            Intervention(reinitialize=True, activation="relu"),
            Config(),
            (),
            ("reinitialize", "activation"),
        ),
    ],
)
def test_the_model_and_the_loss_are_flags_where_a_spec_can_say_so(
    change, config, flags, beyond
):
    assert tuple(shlex.split(" ".join(change.flags(config)))) == flags
    assert change.beyond_flags(config) == beyond


@given(_INTERVENTIONS, _INTERVENTIONS)
def test_factors_multiply_and_otherwise_the_later_wins(one, other):
    both = one | other
    for name in _FACTORS:
        assert getattr(both, name) == getattr(one, name) * getattr(other, name)
    differences = one.differences() | other.differences()
    # Images that either leaves out are left out.
    assert set(both.exclude) == {*one.exclude, *other.exclude}
    names = {field.name for field in dataclasses.fields(Intervention)}
    for name in names - {*_FACTORS, "exclude"}:
        default = getattr(Intervention(), name)
        assert getattr(both, name) == differences.get(name, default)


@given(_INTERVENTIONS, _INTERVENTIONS, _INTERVENTIONS)
def test_interventions_can_be_grouped(one, other, third):
    left, right = (one | other) | third, one | (other | third)
    assert left.differences() == right.differences()


@pytest.mark.parametrize(
    ("intervention", "differences"),
    [
        (Intervention(), {}),
        (Intervention(learning_rate_factor=1.0, dropout=None), {}),
        # To take something away is a difference as well.
        (Intervention(dropout=0.0), {"dropout": 0.0}),
        (Intervention(weight_decay=0.0), {"weight_decay": 0.0}),
        (Intervention(augment=""), {"augment": ""}),
        (
            Intervention(unfreeze=True, width_factor=2),
            {"unfreeze": True, "width_factor": 2},
        ),
    ],
)
def test_differences_are_what_is_not_at_its_default(intervention, differences):
    assert intervention.differences() == differences


def test_images_to_train_on_are_a_difference(scans):
    intervention = Intervention(train=scans.train)
    assert intervention.differences() == {"train": scans.train}
    assert (intervention | Intervention(dropout=0.1)).train is scans.train


# All that the checks can produce; those of a rate with the factors that they have.
_OF_CHECKS = {
    "unnormalized_inputs": Intervention(standardize=True),
    "unshuffled_batches": Intervention(shuffle=True),
    "class_imbalance": Intervention(balance=True),
    "homogeneous_training_data": Intervention(augment="flip + " + AUGMENT),
    "distribution_shift": Intervention(augment="brightness((0.5, 2)) + noise(0.1)"),
    "keras_step": Intervention(keras_step=True),
    "example_weights": Intervention(unweighted=True),
    "frozen_weights": Intervention(unfreeze=True),
    "loss_output_mismatch": Intervention(consistent_loss=True),
    "bad_initialization": Intervention(reinitialize=True),
    "exploding_gradients": Intervention(clip_norm=1.0),
    "dead_units": Intervention(activation="leaky_relu", reinitialize=True),
    "vanishing_gradients": Intervention(activation="relu", reinitialize=True),
    "over_regularized": Intervention(dropout=0.0, weight_decay=0.0),
    "over_regularized_augment": Intervention(dropout=0.0, weight_decay=0.0, augment=""),
    "batch_size_too_large": Intervention(batch_size_factor=1 / 8),
    "batch_size_too_small": Intervention(batch_size_factor=16.0),
    "learning_rate_too_high": Intervention(learning_rate_factor=0.1),
    "learning_rate_far_too_high": Intervention(learning_rate_factor=1e-12),
    "learning_rate_too_low": Intervention(learning_rate_factor=1e4),
    "schedule": Intervention(constant_learning_rate=0.0123456789),
    "overfitting": Intervention(augment=AUGMENT + FLIP, dropout=0.3),
    "overfitting_decay": Intervention(weight_decay=1e-2),
    "stopped_too_early": Intervention(train_for_factor=4 / 3),
    "stopped_too_early_warm": Intervention(
        train_for_factor=2.0, constant_learning_rate=0.001
    ),
    "label_noise": Intervention(exclude=("flagged.csv",)),
    "insufficient_capacity": Intervention(width_factor=4.0),
    "insufficient_capacity_narrow": Intervention(width_factor=16.0),
}
_CONFIG = Config(
    learning_rate=0.0123456789123,
    schedule="warmup(5%) + cosine(end=.01)",
    optimizer="sgd(momentum=0.9)",
    augment="flip",
    normalize="none",
    batch_size=48,
    accumulate=3,
)
_each = pytest.mark.parametrize("name", _OF_CHECKS)


def pasted(flags):
    """Returns the config of a command with more flags, as a shell reads it."""
    command = "whyflat train " + " ".join(flags)
    subprocess.run(["bash", "-n", "-c", command], check=True)
    values = dict(word[2:].split("=", 1) for word in shlex.split(command)[2:])
    kinds = {field.name: field.type for field in dataclasses.fields(Config)}
    convert = {"int": int, "float": float, "str": str}
    changes = {name: convert[kinds[name]](text) for name, text in values.items()}
    return dataclasses.replace(_CONFIG, **changes)


def test_a_batch_can_still_be_divided_into_shards():
    config = Config(batch_size=16, shards=8)
    assert Intervention(batch_size_factor=0.6).apply(config).batch_size == 16


@_each
def test_flags_can_be_pasted_and_give_the_same_config(name):
    intervention = _OF_CHECKS[name]
    if intervention.shuffle or intervention.keras_step or intervention.unweighted:
        # It is about a step that this framework replaces.
        with pytest.raises(NotApplicableError):
            intervention.apply(_CONFIG)
        assert intervention.flags(_CONFIG) == ()
        return
    assert pasted(intervention.flags(_CONFIG)) == intervention.apply(_CONFIG)


@_each
def test_what_a_trial_runs_is_what_is_printed(name):
    intervention = _OF_CHECKS[name]
    if intervention.shuffle or intervention.keras_step or intervention.unweighted:
        return
    trial = trial_config(_CONFIG, intervention, 90, Path("trials/name"))
    printed = pasted(intervention.flags(_CONFIG))
    # A trial is given the images that are left.
    for field in set(intervention_lib._CONFIG_FIELDS) - _LENGTH - {"exclude"}:
        assert getattr(trial, field) == getattr(printed, field)


# A run with the fault of a cause, and the flags of its remedy.
_MENDED = {
    "split_leakage": (Config(), {"exclude": ("a.csv",)}, "--exclude=a.csv"),
    "label_noise": (Config(), {"exclude": ("a.csv",)}, "--exclude=a.csv"),
    "unnormalized_inputs": (
        Config(normalize="none"),
        {"standardize": True},
        "--normalize=standard",
    ),
    "class_imbalance": (Config(), {"balance": True}, "--sampling=balanced"),
    "homogeneous_training_data": (Config(), {"augment": "flip"}, "--augment=flip"),
    "distribution_shift": (Config(), {"augment": "flip"}, "--augment=flip"),
    "loss_output_mismatch": (
        Config(loss="mine:loss"),
        {"consistent_loss": True},
        "--loss=cross_entropy",
    ),
    "exploding_gradients": (Config(), {"clip_norm": 1.0}, "--clip_norm=1.0"),
    "over_regularized": (
        Config(model="mlp(dropout=.95)"),
        {"dropout": 0.0},
        "--model=mlp(dropout=0.0)",
    ),
    "batch_size_too_large": (
        Config(batch_size=512),
        {"batch_size_factor": 0.125},
        "--batch_size=64",
    ),
    "batch_size_too_small": (
        Config(batch_size=1),
        {"batch_size_factor": 16.0},
        "--batch_size=16",
    ),
    "learning_rate_too_high": (
        Config(learning_rate=1.0),
        {"learning_rate_factor": 0.1},
        "--learning_rate=0.1",
    ),
    "learning_rate_too_low": (
        Config(learning_rate=1e-5),
        {"learning_rate_factor": 100.0},
        "--learning_rate=0.001",
    ),
    "stopped_too_early": (
        Config(train_for="2ep"),
        {"train_for_factor": 2.0},
        "--train_for=4ep",
    ),
    "overfitting": (Config(model="cnn"), {"dropout": 0.5}, "--model=cnn(dropout=0.5)"),
    "insufficient_capacity": (
        Config(model="mlp(units=(2,))"),
        {"width_factor": 8.0},
        "--model=mlp(units=(16,))",
    ),
}
# What takes a person: the evaluation or the data are wrong.
_OF_PEOPLE = {
    "metric_bug",
    "stale_evaluation_weights",
    "train_eval_mismatch",
    "random_validation",
    "illegal_labels",
    "split_artifact",
    "shuffled_labels",
    "validation_too_small",
    "preprocessing_mismatch",
    "below_linear_probe",
    "example_weights",
}
# What the training step of a run has right.
_OF_OTHER_STEPS = {
    "unshuffled_batches",
    "learning_rate_frozen",
    "wrong_variables",
    "replica_scaling",
}
# What the models of this package have right: faults of the user's own code.
_OF_OWN_MODELS = {
    "frozen_weights",
    "bad_initialization",
    "dead_units",
    "vanishing_gradients",
}


def test_each_cause_that_flags_can_mend_has_a_remedy_by_flags():
    groups = (set(_MENDED), _OF_PEOPLE, _OF_OTHER_STEPS, _OF_OWN_MODELS)
    assert sorted(name for group in groups for name in group) == sorted(CAUSES)
    for config, fields, flag in _MENDED.values():
        (written,) = shlex.split(" ".join(Intervention(**fields).flags(config)))
        assert written == flag


def test_a_longer_training_is_printed():
    config = dataclasses.replace(_CONFIG, early_stopping=3)
    flags = Intervention(train_for_factor=2.0).flags(config)
    assert flags == ("--train_for=40ep", "--early_stopping=0")


def test_lists_of_the_run_stay():
    config = dataclasses.replace(_CONFIG, exclude="a.csv, b.csv")
    more = Intervention(exclude=("b.csv", "c.csv"))
    assert more.flags(config) == ("--exclude=a.csv,b.csv,c.csv",)
    assert Intervention(exclude=("b.csv",)).apply(config).exclude == "a.csv,b.csv"


def test_lines_leave_listed_images_out(settings, tmp_path):
    path = tmp_path / "flagged.csv"
    path.write_text("split,index,label\ntrain,3,x\nvalidation,5,x\ntrain,0,x\n")
    lines = Intervention(exclude=(str(path),)).code(settings())
    names = {"np": np, "x_train": np.arange(6)[:, None], "y_train": np.arange(6)}
    exec("\n".join(lines), names)
    assert names["y_train"].tolist() == [1, 2, 4, 5]
    assert names["x_train"].ravel().tolist() == [1, 2, 4, 5]


def test_a_seed_is_for_trials_only():
    again = Intervention(seed=1)
    assert again.apply(_CONFIG).seed == _CONFIG.seed + 1
    assert again.flags(_CONFIG) == again.code(None) == ()


def test_only_what_is_changed_is_printed():
    assert Intervention(dropout=0.3).flags(_CONFIG) == ()
    assert Intervention(clip_norm=1.0).flags(_CONFIG) == ("--clip_norm=1.0",)
    flags = Intervention(augment="rotate(10) + flip").flags(_CONFIG)
    assert flags == ("'--augment=rotate(10) + flip'",)


def built(has_dropout=True, is_traced=True):
    """Returns a small compiled model and its data, by the names of the lines."""
    layers = keras.layers
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((6, 6, 3)),
            layers.RandomFlip(),
            layers.Conv2D(3, 3, activation="tanh", use_bias=False),
            layers.ReLU(),
            layers.Flatten(),
            layers.Dense(5, "tanh", kernel_regularizer="l2"),
        ]
    )
    if has_dropout:
        model.add(layers.Dropout(0.5))
    model.add(layers.Dense(4, "softmax"))
    model.layers[1].trainable = False
    model.compile(
        keras.optimizers.Adam(0.01, weight_decay=0.1, clipnorm=5.0),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    generator = np.random.default_rng(0)
    x = generator.uniform(0, 1, (24, 6, 6, 3)).astype(np.float32)
    y = np.arange(24) % 4
    if is_traced:
        # A step that was traced before knows nothing of what is changed later.
        model.fit(x, y, epochs=1, verbose=0)
    return {
        "keras": keras,
        "np": np,
        "model": model,
        "x_train": x,
        "y_train": y,
        "x_validation": x[:8],
        "keep": y < 2,
    }


def executed(intervention, settings, namespace=None):
    """Executes the lines of an intervention, trains on, and returns the names."""
    lines = intervention.code(settings(epochs=2, learning_rate=0.01, batch_size=8))
    namespace = namespace or built()
    exec(compile("\n".join(lines), "<remedy>", "exec"), namespace)
    model = namespace["model"]
    model.fit(namespace["x_train"], namespace["y_train"], epochs=1, verbose=0)
    return model, namespace


def layer(model, kind, place=0):
    return [each for each in model.layers if type(each).__name__ == kind][place]


@pytest.fixture
def eagerly():
    """Runs all that Keras would compile eagerly, which is faster for a few steps."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.mark.extended
@pytest.mark.filterwarnings("ignore:Even though the .*tf.data:UserWarning")
@_each
def test_lines_can_be_pasted_and_trained_with(
    name, settings, eagerly, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    Path("flagged.csv").write_text("split,index\ntrain,3\nvalidation,5\n")
    executed(_OF_CHECKS[name], settings, built(is_traced=False))


@pytest.mark.extended
def test_lines_change_the_learning_rate(settings):
    model, _ = executed(Intervention(learning_rate_factor=0.1), settings)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.001)
    both = Intervention(learning_rate_factor=0.5, constant_learning_rate=0.04)
    model, _ = executed(both, settings)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.02)


@pytest.mark.extended
@pytest.mark.parametrize(
    ("intervention", "rate"),
    [
        (Intervention(learning_rate_factor=0.1), 0.02),
        (Intervention(constant_learning_rate=0.2), 0.2),
    ],
)
def test_lines_change_a_schedule(settings, intervention, rate):
    names = built()
    schedule = keras.optimizers.schedules.CosineDecay(0.2, 1000)
    names["model"].compile(
        keras.optimizers.SGD(schedule), names["model"].loss, metrics=["accuracy"]
    )

    def falling(**changes):
        return settings(**changes, highest_rate=0.2)

    model, _ = executed(intervention, falling, names)
    assert float(model.optimizer.learning_rate) == pytest.approx(rate, rel=1e-3)


@pytest.mark.extended
def test_lines_change_the_optimizer(settings):
    optimizer = executed(Intervention(clip_norm=1.0), settings)[0].optimizer
    assert (optimizer.global_clipnorm, optimizer.clipnorm) == (1.0, None)
    model, _ = executed(Intervention(weight_decay=0.02), settings)
    assert model.optimizer.weight_decay == 0.02
    assert float(layer(model, "Dense").kernel.regularizer.l2) == pytest.approx(0.02)


@pytest.mark.extended
def test_lines_take_regularization_away(settings):
    nothing = Intervention(dropout=0.0, weight_decay=0.0, augment="")
    model, names = executed(nothing, settings)
    assert model.losses == []
    assert layer(model, "Dropout").rate == 0
    images = names["x_train"]
    flipped = layer(model, "RandomFlip")(images, training=True)
    np.testing.assert_array_equal(flipped, images)


@pytest.mark.extended
def test_lines_widen_hidden_layers_only(settings):
    model, _ = executed(Intervention(width_factor=4.0), settings)
    kinds = [("Conv2D", 0), ("Dense", 0), ("Dense", 1)]
    widths = [layer(model, *each).kernel.shape[-1] for each in kinds]
    assert widths == [12, 20, 4]


@pytest.mark.extended
def test_lines_change_hidden_activations_only(settings):
    model, _ = executed(Intervention(activation="leaky_relu"), settings)
    kinds = [("Conv2D", 0), ("Dense", 0), ("Dense", 1)]
    names = [layer(model, *each).activation.__name__ for each in kinds]
    assert names == ["leaky_relu", "leaky_relu", "softmax"]
    assert layer(model, "ReLU").negative_slope == pytest.approx(0.1)


@pytest.mark.extended
def test_lines_add_dropout_where_there_is_none(settings):
    model, _ = executed(Intervention(dropout=0.3), settings)
    assert layer(model, "Dropout").rate == 0.3
    names = built(has_dropout=False)
    model, _ = executed(Intervention(dropout=0.3), settings, names)
    assert layer(model, "Dropout").rate == 0.3


@pytest.mark.extended
def test_lines_draw_weights_anew(settings):
    lines = Intervention(reinitialize=True).code(settings())
    names = built()
    kernel = layer(names["model"], "Dense", 1).kernel
    kernel.assign(np.zeros(kernel.shape))
    exec("\n".join(lines), names)
    assert np.std(kernel) > 0.1
    assert not np.any(layer(names["model"], "Dense").bias)


@pytest.mark.extended
def test_lines_unfreeze_all_weights(settings):
    names = built()
    kernel = layer(names["model"], "Conv2D").kernel
    before = kernel.numpy().copy()
    executed(Intervention(unfreeze=True), settings, names)
    assert np.any(kernel.numpy() != before)


@pytest.mark.extended
@pytest.mark.parametrize("has_layer", [False, True])
def test_lines_train_logits(settings, has_layer):
    names = built()
    if has_layer:
        model = names["model"]
        model.layers[-1].activation = keras.activations.linear
        model.add(keras.layers.Softmax())
    model, _ = executed(Intervention(consistent_loss=True), settings, names)
    assert model.loss.get_config()["from_logits"]
    outputs = model.predict(names["x_train"], verbose=0)
    assert not np.allclose(outputs.sum(axis=1), 1)


@pytest.mark.extended
def test_lines_add_outputs_for_all_classes(settings, measured):
    outputs = OutputProbe(2, 4, False, False, 0.0, 0.0)
    suspicion = LossOutputMismatch().suspect(measured(outputs))
    names = built()
    names["model"] = keras.Sequential(
        [*names["model"].layers[:-1], keras.layers.Dense(2)]
    )
    names["model"].build((None, 6, 6, 3))
    names["model"].compile("adam", "mse")
    lines = (*suspicion.intervention.code(settings()), *suspicion.code)
    exec("\n".join(lines), names)
    names["model"].fit(names["x_train"], names["y_train"], verbose=0)
    assert names["model"].output_shape == (None, 4)


@pytest.mark.extended
def test_lines_restore_the_step_of_keras(settings):
    names = built()
    names["model"].train_step = lambda data: {"loss": 0.0}
    names["model"].compile("adam", names["model"].loss)
    kernel = layer(names["model"], "Dense").kernel
    before = kernel.numpy().copy()
    executed(Intervention(keras_step=True), settings, names)
    assert np.any(kernel.numpy() != before)


def test_lines_standardize_inputs(settings):
    _, names = executed(Intervention(standardize=True), settings)
    assert names["x_train"].mean(axis=(0, 1, 2)) == pytest.approx([0] * 3, abs=1e-5)
    assert names["x_train"].std(axis=(0, 1, 2)) == pytest.approx([1] * 3, abs=1e-5)


@pytest.mark.extended
def test_lines_balance_classes(settings):
    names = built()
    names["y_train"] = np.repeat([0, 3], [22, 2])
    _, names = executed(Intervention(balance=True), settings, names)
    rare = names["p"][names["y_train"] == 3]
    assert rare.sum() == pytest.approx(0.5)
    assert names["p"].sum() == pytest.approx(1)


@pytest.mark.extended
def test_lines_train_on_chosen_images(settings, scans):
    _, names = executed(Intervention(train=scans.train), settings)
    assert set(names["y_train"]) == {0, 1}
