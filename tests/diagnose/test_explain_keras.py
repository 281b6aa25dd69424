"""Tests of framework/diagnose/explain_keras.py: explain, from end to end."""

import inspect
import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from framework.diagnose import explain, explain_keras
from framework.errors import UsageError

L = keras.layers
LOSS = keras.losses.SparseCategoricalCrossentropy


@pytest.fixture(scope="module")
def arrays(scans):
    """Digits as numbers from 0 to 1: ((x, y), (x, y))."""
    return tuple(
        (split.images.astype(np.float32) / 255, split.labels.astype(np.int64))
        for split in (scans.train.take(np.arange(600)), scans.validation)
    )


def compiled(*layers, optimizer=None, loss=None, **options):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((8, 8, 1)), L.Flatten(), *layers])
    optimizer = optimizer or keras.optimizers.Adam(3e-3)
    loss = loss or LOSS(from_logits=True)
    options = {"metrics": ["accuracy"], "jit_compile": False, **options}
    model.compile(optimizer, loss, **options)
    return model


def usual(**options):
    return compiled(L.Dense(32, "relu"), L.Dense(10), **options)


def slow(train, validation):
    """A learning rate that moves nothing."""
    return usual(optimizer=keras.optimizers.SGD(1e-5)), train, validation


def shuffled(train, validation):
    """Training labels that have nothing to do with the images."""
    x, y = train
    return usual(), (x, np.random.default_rng(0).permutation(y)), validation


def changing(train, validation):
    """A validation pipeline that turns images around at random."""

    def passes():
        while True:
            x, y = validation
            yield np.rot90(x, int(generator.integers(4)), (1, 2)), y

    generator = np.random.default_rng(0)
    kinds = tf.TensorSpec((None, 8, 8, 1)), tf.TensorSpec((None,), tf.int64)
    source = passes()
    data = tf.data.Dataset.from_generator(
        lambda: iter([next(source)]), output_signature=kinds
    )
    return usual(), train, data


FAULTS = {
    "learning_rate_too_low": slow,
    "shuffled_labels": shuffled,
    "random_validation": changing,
}


@pytest.mark.parametrize(
    "cause",
    [
        pytest.param("learning_rate_too_low", marks=pytest.mark.extended),
        "shuffled_labels",
        pytest.param("random_validation", marks=pytest.mark.extended),
    ],
)
def test_a_planted_fault_is_the_first_that_is_named(arrays, cause, tmp_path):
    model, train, validation = FAULTS[cause](*arrays)
    diagnosis = explain(model, train, validation, epochs=6)
    diagnosis.save_html(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert diagnosis.confirmed[0].cause.title in page
    assert page.count('<svg class="curve') == 2
    assert diagnosis.confirmed, str(diagnosis)
    assert diagnosis.confirmed[0].cause.name == cause, str(diagnosis)


def softmax(train, validation):
    """Trap H4: a softmax, and a loss that knows."""
    model = compiled(L.Dense(64, "relu"), L.Dense(10, "softmax"), loss=LOSS())
    return model, train, validation


def batched(train, validation):
    """Trap H5: linear outputs of one-hot labels, from a dataset, with dropout."""
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    model = compiled(L.Dense(64, "relu"), L.Dropout(0.2), L.Dense(10), loss=loss)
    (x, y), (x_held, y_held) = train, validation
    one_hot = np.eye(10, dtype=np.float32)
    data = tf.data.Dataset.from_tensor_slices((x, one_hot[y]))
    return model, data.shuffle(2000, seed=0).batch(32), (x_held, one_hot[y_held])


@pytest.mark.extended
@pytest.mark.parametrize("program", [softmax, batched])
def test_nothing_is_confirmed_of_healthy_programs(arrays, program):
    model, train, validation = program(*arrays)
    before = [variable.numpy().tobytes() for variable in model.variables]
    diagnosis = explain(model, train, validation, epochs=8)
    assert not diagnosis.confirmed, str(diagnosis)
    assert [variable.numpy().tobytes() for variable in model.variables] == before


@pytest.mark.extended
def test_the_model_is_given_back_whatever_happens(arrays):
    model = usual()
    model.layers[1].trainable = False
    model(arrays[0][0][:1])
    optimizer = model.optimizer
    before = [variable.numpy().tobytes() for variable in model.variables]

    def progress(what):
        if what.startswith("training epoch 2"):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        explain(model, *arrays, epochs=3, progress=progress)
    assert model.optimizer is optimizer
    assert not model.layers[1].trainable
    assert [variable.numpy().tobytes() for variable in model.variables] == before
    assert int(optimizer.iterations) == 0
    # It can be trained as if nothing had been.
    model.fit(*arrays[0], verbose=0)


class Sealed:
    """An array whose values must not be read."""

    def __init__(self, *shape):
        self.shape = shape

    def __array__(self, *arguments, **options):
        raise AssertionError("the test part is read")


def without_seconds(value):
    if isinstance(value, dict):
        if value.get("value") == "not tried":
            # It says in seconds what it would take.
            value = {**value, "source": ""}
        return {
            name: without_seconds(each)
            for name, each in value.items()
            if "seconds" not in name
        }
    return list(map(without_seconds, value)) if isinstance(value, list) else value


@pytest.mark.extended
def test_the_test_part_is_not_looked_at(arrays):
    """A diagnosis that has read it could not say that an opening is the first."""
    model, train, validation = slow(*arrays)
    parts = [
        None,
        validation,
        (np.full((9, 8, 8, 1), np.nan), np.full(9, -7)),
        (Sealed(9, 8, 8, 1), Sealed(9)),
    ]
    results = [
        explain(model, train, validation, epochs=4, budget=0.5, test=test)
        for test in parts
    ]
    texts = [json.dumps(without_seconds(each.as_json())) for each in results]
    assert texts == [texts[0]] * 4
    with pytest.raises(UsageError, match="test: there are 9 images but 8 labels"):
        explain(model, train, validation, test=(Sealed(9, 8, 8, 1), Sealed(8)))


@pytest.mark.parametrize("model", [None, keras.Sequential([L.Dense(2)])])
def test_what_is_not_compiled_is_refused(arrays, model):
    with pytest.raises(UsageError, match=r"needs a compiled keras\.Model"):
        explain(model, *arrays)


@pytest.mark.extended
def test_words_are_no_pictures():
    """An embedding has no row for what is brighter, or scaled."""
    generator = np.random.default_rng(0)
    y = generator.integers(2, size=300)
    # Words of the upper half are of the second kind.
    x = generator.integers(0, 20, (300, 12)) + 20 * y[:, None] * (
        generator.random((300, 12)) < 0.5
    )
    model = keras.Sequential(
        [keras.Input((12,)), L.Embedding(40, 8), L.GlobalAveragePooling1D(), L.Dense(2)]
    )
    model.compile(
        keras.optimizers.Adam(1e-6),
        LOSS(from_logits=True),
        metrics=["accuracy"],
        jit_compile=False,
    )
    pairs = (x[:200], y[:200]), (x[200:], y[200:])
    diagnosis = explain(model, *pairs, epochs=8)
    assert "learning_rate_too_low" in [each.cause.name for each in diagnosis.confirmed]


class SeenError(Exception):
    """Carries what would be diagnosed."""


@pytest.fixture
def context_of(monkeypatch):
    """Returns the context that `explain` would diagnose."""

    def stop(context, *_):
        raise SeenError(context)

    monkeypatch.setattr(explain_keras, "diagnose", stop)

    def run(*arguments, **options):
        with pytest.raises(SeenError) as caught:
            explain(*arguments, **options)
        return caught.value.args[0]

    return run


# The arguments of fit that have another name here.
RENAMED = {"x": "train", "y": "train", "validation_data": "validation"}
RENAMED["verbose"] = "progress"


def test_each_argument_of_fit_is_one_of_explain():
    fit = inspect.signature(keras.Model.fit).parameters
    ours = inspect.signature(explain).parameters
    for name, parameter in fit.items():
        if name == "self":
            continue
        assert RENAMED.get(name, name) in ours
        if name not in RENAMED:
            assert ours[name].default == parameter.default, name


N = 60
SMALL = np.random.default_rng(0).normal(size=(N, 6)).astype(np.float32)
CLASSES = np.random.default_rng(1).integers(0, 3, N)
WEIGHTS = np.random.default_rng(2).random(N).astype(np.float32)


def linear(**options):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((6,)), L.Dense(3)])
    options = {"metrics": ["accuracy"], "jit_compile": False, **options}
    optimizer = options.pop("optimizer", None) or keras.optimizers.SGD(0.1)
    model.compile(optimizer, LOSS(from_logits=True), **options)
    return model


def slow_down(epoch, rate):
    return rate / 2


HELD_OUT = {"validation_data": (SMALL[:20], CLASSES[:20])}
WEIGHTED = {"validation_data": (SMALL[:20], CLASSES[:20], WEIGHTS[:20])}
extended = pytest.mark.extended
FITS = {
    "batch_size": {"batch_size": 7},
    "class_weight": {"class_weight": {0: 0.1, 2: 5.0}},
    "sample_weight": {"sample_weight": WEIGHTS},
    "validation_split": {"validation_split": 0.3, "validation_data": None},
    "validation_weights": WEIGHTED,
    "validation_batch_size": {"validation_batch_size": 7},
    "validation_freq": {"validation_freq": 2},
    "validation_freq, a list": {"validation_freq": [1, 3]},
    "initial_epoch": {"initial_epoch": 1},
    "callbacks": {
        "callbacks": lambda: [keras.callbacks.LearningRateScheduler(slow_down)]
    },
    "early stopping": {
        "callbacks": lambda: keras.callbacks.EarlyStopping(
            "val_loss", min_delta=9, patience=1
        )
    },
}


@pytest.mark.parametrize(
    "name",
    [
        each if each == "class_weight" else pytest.param(each, marks=extended)
        for each in FITS
    ],
)
def test_a_training_is_the_one_of_fit(context_of, name):
    options = {**HELD_OUT, "epochs": 4, **FITS[name]}
    make = options.pop("callbacks", lambda: None)
    history = linear().fit(
        SMALL, CLASSES, shuffle=False, verbose=0, callbacks=make(), **options
    )
    validation = options.pop("validation_data")
    context = context_of(
        linear(),
        (SMALL, CLASSES),
        validation,
        shuffle=False,
        callbacks=make(),
        **options,
    )
    expected = history.history
    for key, values in expected.items():
        if key == "learning_rate":
            continue
        split, metric = "train", key
        if key.startswith("val_"):
            split, metric = "validation", key[4:]
        ours = [row[f"{split}/{metric}"] for row in context.rows]
        kept = values
        if len(values) > len(ours):
            # Of the epochs that are not evaluated, nothing is told.
            kept = [values[round(row["epoch"]) - 1] for row in context.rows]
        assert ours == pytest.approx(kept, rel=1e-4), key
    assert context.settings.epochs == len(expected["loss"])
    assert len(context.predictions) == len(expected["val_loss"])


@pytest.mark.extended
def test_callbacks_leave_their_rates_to_trials(context_of):
    callback = keras.callbacks.LearningRateScheduler(slow_down)
    context = context_of(
        linear(), (SMALL, CLASSES), (SMALL, CLASSES), epochs=4, callbacks=callback
    )
    assert context.program.epoch_rates == pytest.approx([0.05, 0.025, 0.0125, 0.00625])
    settings = context.settings
    assert (settings.learning_rate, settings.has_rate_callback) == (
        pytest.approx(0.1),
        True,
    )
    assert settings.highest_rate == pytest.approx(0.05)


def test_a_weighted_accuracy_is_not_that_of_the_predictions(context_of):
    model = linear(metrics=None, weighted_metrics=["accuracy"])
    x, y, w = SMALL, CLASSES, WEIGHTS
    context = context_of(model, (x, y), (x, y, w), epochs=1, batch_size=N)
    assert "validation/accuracy" not in context.rows[-1]
    assert "validation/weighted_accuracy" in context.rows[-1]
    assert "train/accuracy" in context.rows[-1]
    assert set(context.weights) == {"validation"}


def two_inputs():
    a, b = keras.Input((6,)), keras.Input((6,))
    return keras.Model([a, b], L.Dense(3)(L.Add()([a, b])))


def two_outputs():
    a = keras.Input((6,))
    return keras.Model(a, [L.Dense(3)(a), L.Dense(3)(a)])


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (two_inputs, {}, "the model has 2 inputs; explain takes a model with one"),
        (two_outputs, {}, "the model returns a list, not a tensor"),
        (linear, {"validation_split": 0.2}, "validation or validation_split, not both"),
        (linear, {"validation": None}, "needs validation=.x, y., or validation_split"),
        (linear, {"epochs": 2, "validation_freq": 3}, "no epoch is evaluated"),
        (linear, {"initial_epoch": 1}, "no epoch is evaluated"),
        (linear, {"steps_per_epoch": 1}, "arrays are fed whole: 2 batches an epoch"),
        (linear, {"callbacks": [3]}, "3 is no keras.callbacks.Callback"),
    ],
)
def test_what_cannot_be_used_is_an_error_of_one_line(make, options, message):
    model = make()
    if not model.compiled:
        model.compile("sgd", "mse", jit_compile=False)
    options = {"validation": (SMALL, CLASSES), **options}
    with pytest.raises(UsageError, match=message) as caught:
        explain(model, (SMALL, CLASSES), **options)
    assert "\n" not in str(caught.value)


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = L.Dense(3)

    def call(self, x, training=False):
        return self.dense(x)


def subclassed(**options):
    keras.utils.set_random_seed(0)
    model = Subclassed()
    model.compile("adam", LOSS(from_logits=True), metrics=["accuracy"], **options)
    return model


def under_a_strategy():
    with tf.distribute.MirroredStrategy(["cpu:0"]).scope():
        return linear(optimizer=keras.optimizers.Adam(0.01))


def half_precision():
    keras.utils.set_random_seed(0)
    layer = L.Dense(3, dtype="mixed_float16")
    model = keras.Sequential([keras.Input((6,)), layer])
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.01))
    model.compile(optimizer, LOSS(from_logits=True), metrics=["accuracy"])
    model.jit_compile = False
    return model


def cosine():
    return keras.optimizers.schedules.CosineDecay(0.1, 10)


MODELS = {
    "strategy": under_a_strategy,
    "mixed_float16": half_precision,
    "subclassed": lambda: subclassed(jit_compile=False),
    "jit_compile": lambda: linear(jit_compile=True),
    "run_eagerly": lambda: linear(run_eagerly=True),
    "schedule": lambda: linear(optimizer=keras.optimizers.SGD(cosine())),
    "metrics": lambda: linear(
        metrics=["accuracy"], weighted_metrics=["accuracy"], loss_weights=2.0
    ),
}


@pytest.mark.extended
@pytest.mark.parametrize("kind", MODELS)
def test_models_of_all_kinds_are_explained(kind):
    """To the end, without a measurement that fails, and given back as they were."""
    model = MODELS[kind]()
    model(SMALL[:1])
    before = [np.array(each) for each in model.get_weights()]
    data = SMALL, SMALL[:, :3].argmax(axis=1)
    diagnosis = explain(model, data, data, epochs=3, batch_size=20, budget=0.5)
    failed = [each for each in diagnosis.measured.unavailable if each.is_failure]
    assert failed == []
    assert [each.problem for each in diagnosis.trials if each.problem] == []
    for one, other in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)
    # It can still be trained.
    model.fit(*data, verbose=0)


@pytest.mark.extended
def test_weights_that_leave_classes_out_are_named(arrays):
    (x, y), validation = arrays
    model = usual()
    weights = (y < 5).astype(np.float32)
    diagnosis = explain(model, (x, y, weights), validation, epochs=6)
    assert diagnosis.confirmed[0].cause.name == "example_weights", str(diagnosis)
    assert diagnosis.confirmed[0].cost.low > 0.2
    assert any("Without sample_weight" in each for each in code_of(diagnosis))


def code_of(diagnosis):
    return diagnosis.confirmed[0].remedy.code


def test_an_embedding_is_used_and_checked_before_training(arrays):
    train, validation = arrays

    def features(images):
        return images.reshape(len(images), -1)

    with pytest.raises(UsageError, match="must return features"):
        explain(usual(), train, validation, embedding=lambda images: images)
    diagnosis = explain(
        usual(), train, validation, epochs=1, embedding=features, budget=0
    )
    measured = diagnosis.as_json()["measurements"]
    assert measured["LabelAgreement"]["features"] == "64 features of features"
