"""Tests of framework/diagnose/explain_keras.py: explain, from end to end."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from framework.diagnose import explain
from framework.diagnose.explain_keras import named
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


@pytest.mark.parametrize(
    ("reported", "accuracy"),
    [
        ({"accuracy": 0.5, "loss": 1.0}, 0.5),
        ({"acc": 0.5}, 0.5),
        ({"sparse_categorical_accuracy": 0.5}, 0.5),
        # Of the five best it is something else.
        ({"sparse_top_k_categorical_accuracy": 0.9, "accuracy": 0.5}, 0.5),
        ({"top_k_categorical_accuracy": 0.9}, None),
        ({"loss": 1.0}, None),
        ({"accuracy_of_mine": 0.5}, None),
    ],
)
def test_what_is_taken_for_accuracy(reported, accuracy):
    metrics = named("validation", reported)
    assert metrics.get("validation/accuracy") == accuracy
    assert all(metrics[f"validation/{name}"] == reported[name] for name in reported)


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
