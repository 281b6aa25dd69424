"""Tests of framework/diagnose/explain_functions.py, on loops of two libraries."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from framework.diagnose import explain_loop
from framework.errors import UsageError


@pytest.fixture(scope="module")
def arrays(scans):
    """Digits as numbers from 0 to 1: ((x, y), (x, y))."""
    return tuple(
        (split.images.astype(np.float32) / 255, split.labels.astype(np.int64))
        for split in (scans.train.take(np.arange(600)), scans.validation)
    )


class Linear:
    """A softmax of 64 pixels; faults are planted by name."""

    def __init__(self, fault=""):
        self.fault = fault
        self.reported = []
        self.captured = None

    def build(self, seed):
        return {"w": np.random.default_rng(seed).normal(0, 0.01, (65, 10))}

    def train(
        self,
        model,
        data,
        epochs,
        learning_rate=0.3,
        batch_size=20,
        seed=0,
        after_epoch=lambda model: None,
    ):
        x, y = data
        x, targets = self.features(x), np.eye(10)[y]
        if self.fault == "captured":
            # As a number that tf.function has written into its graph.
            self.captured = self.captured or learning_rate
            learning_rate = self.captured
        generator = np.random.default_rng(seed)
        for _ in range(epochs):
            order = generator.permutation(len(x))
            for start in range(0, len(x), batch_size):
                rows = order[start : start + batch_size]
                target = targets[rows]
                if self.fault == "broadcast":
                    # [B] against [B, 1]: each output is compared with all labels.
                    target = np.broadcast_to(target.mean(axis=0), target.shape)
                error = softmax(x[rows] @ model["w"]) - target
                model["w"] -= learning_rate * x[rows].T @ error / len(rows)
            after_epoch(model)
            self.reported.append(self.metric(model))

    def metric(self, model):
        """Returns the accuracy that is reported of an epoch."""
        return 0.0

    def features(self, x):
        flat = x.reshape(len(x), -1)
        return np.column_stack([flat, np.ones(len(x))])

    def predict(self, model, images, training=False):
        x = self.features(images)
        if self.fault == "modes" and not training:
            # Moving statistics of other images.
            x = x * 0 + 1
        return x @ model["w"]


class Tape:
    """A loop of TensorFlow: GradientTape in a tf.function, Keras's optimizer."""

    def build(self, seed):
        keras.utils.set_random_seed(seed)
        layers = [keras.layers.Flatten(), keras.layers.Dense(32, activation="relu")]
        return keras.Sequential(
            [keras.Input((8, 8, 1)), *layers, keras.layers.Dense(10)]
        )

    def train(
        self, model, data, epochs, learning_rate=1e-5, batch_size=32, after_epoch=None
    ):
        optimizer = keras.optimizers.Adam(learning_rate)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

        @tf.function
        def step(images, labels):
            with tf.GradientTape() as tape:
                value = loss(labels, model(images, training=True))
            weights = model.trainable_variables
            optimizer.apply(tape.gradient(value, weights), weights)

        images, labels = data
        for epoch in range(epochs):
            order = np.random.default_rng(epoch).permutation(len(images))
            for start in range(0, len(images) - batch_size + 1, batch_size):
                rows = order[start : start + batch_size]
                step(tf.constant(images[rows]), tf.constant(labels[rows]))
            after_epoch(model)

    def predict(self, model, images, training=False):
        return model(images, training=training)


class Reporting(Linear):
    """Reports the mean of all epochs so far: its metric is never reset."""

    def __init__(self, validation, is_reset):
        super().__init__()
        self.validation, self.is_reset, self.seen = validation, is_reset, []

    def metric(self, model):
        x, y = self.validation
        self.seen.append(np.mean(self.predict(model, x).argmax(axis=1) == y))
        return float(self.seen[-1] if self.is_reset else np.mean(self.seen))


def softmax(values):
    values = np.exp(values - values.max(axis=1, keepdims=True))
    return values / values.sum(axis=1, keepdims=True)


def explained(loop, arrays, epochs=8, **options):
    train, validation = arrays
    return explain_loop(
        build=loop.build,
        train=loop.train,
        predict=loop.predict,
        train_data=train,
        validation_data=validation,
        epochs=epochs,
        **options,
    )


def causes(diagnosis):
    return [each.cause.name for each in diagnosis.confirmed]


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        ("broadcast", "below_linear_probe"),
        pytest.param("captured", "learning_rate_frozen", marks=pytest.mark.extended),
        pytest.param("modes", "train_eval_mismatch", marks=pytest.mark.extended),
    ],
)
def test_a_fault_is_seen_by_what_the_loop_does(arrays, fault, cause):
    diagnosis = explained(Linear(fault), arrays)
    assert cause in causes(diagnosis), str(diagnosis)
    # What only the inside would show is not judged, with the reason.
    assert "does not show" in diagnosis.not_judged["vanishing_gradients"].reason
    assert diagnosis.plateau.evaluations == 8
    if fault == "broadcast":
        assert "cannot tell why" in str(diagnosis)
        assert "linear probe" in str(diagnosis)


@pytest.mark.extended
def test_the_rate_of_a_loop_of_tensorflow_is_tried(arrays):
    diagnosis = explained(Tape(), arrays)
    assert causes(diagnosis) == ["learning_rate_too_low"], str(diagnosis)
    assert diagnosis.confirmed[0].cost.low > 0.2


@pytest.mark.extended
@pytest.mark.parametrize("is_reset", [False, True])
def test_a_metric_that_is_never_reset_is_told_from_a_right_one(arrays, is_reset):
    loop = Reporting(arrays[1], is_reset)
    diagnosis = explained(loop, arrays, reported=loop.reported)
    # It has learnt its training images: that a probe predicts more is no fault of it.
    assert causes(diagnosis) == ([] if is_reset else ["metric_bug"]), str(diagnosis)
    if not is_reset:
        assert "the metric is not reset" in diagnosis.confirmed[0].message


@pytest.mark.extended
def test_the_data_checks_work_in_full(arrays):
    (x, y), validation = arrays
    wrong = np.random.default_rng(0).permutation(y)
    diagnosis = explained(Linear(), ((x, wrong), validation))
    assert causes(diagnosis)[0] == "shuffled_labels", str(diagnosis)


@pytest.mark.extended
def test_a_model_that_was_trained_before_is_judged_with_its_numbers(arrays):
    loop = Linear()
    model = loop.build(0)
    loop.train(model, arrays[0], 8)
    before = model["w"].copy()
    options = {"trained": model, "reported": [0.31], "budget": 0}
    diagnosis = explained(loop, arrays, **options)
    assert causes(diagnosis) == ["metric_bug"]
    np.testing.assert_array_equal(model["w"], before)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"build": lambda size: None}, "build must be a function build.seed."),
        ({"train": lambda model: None}, "train must be a function train.model, data"),
        ({"predict": lambda: None}, "predict must be a function predict"),
        ({"predict": lambda model, images: images}, "must return logits or prob"),
        ({"train_data": np.zeros(3)}, "train_data must be a pair of arrays"),
        ({"reported": [0.5]}, "reported has the numbers of another training"),
    ],
)
def test_what_cannot_be_called_is_an_error_of_one_line(arrays, changes, message):
    loop = Linear()
    options = {
        "build": loop.build,
        "train": loop.train,
        "predict": loop.predict,
        "train_data": tuple(each[:20] for each in arrays[0]),
        "validation_data": tuple(each[:20] for each in arrays[1]),
    }
    with pytest.raises(UsageError, match=message):
        explain_loop(**{**options, **changes})
