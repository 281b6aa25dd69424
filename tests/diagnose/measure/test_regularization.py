"""Tests of framework/diagnose/measure/regularization.py."""

import types

import keras
import numpy as np

from framework.diagnose.measure.regularization import (
    AccuracyFall,
    Activations,
    Capacity,
    Regularization,
)
from framework.diagnose.programs import model_layers
from framework.numerics.metrics import Predictions


def program(model):
    """Returns a program of a Keras model with penalties."""
    return types.SimpleNamespace(
        architecture=model_layers.architecture(model),
        penalty=lambda at_initialization: 2.0 if at_initialization else 1.0,
    )


def regularized(context, scans, **changes):
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Flatten(),
            layers.Dense(7, "relu"),
            layers.Dropout(0.2),
            layers.GaussianDropout(0.4),
            layers.Dense(10),
        ]
    )
    made = context(
        scans.train,
        scans.validation,
        program=program(model),
        rows=[{"train/accuracy": 0.75, "train/loss": 0.5}],
        settings={"augment": "flip"},
        **changes,
    )
    return model, made


def test_what_holds_a_model_back(context, scans):
    _, made = regularized(context, scans)
    result = Regularization.measure(made)
    assert result.dropout == 0.4
    assert result.penalty == 2.0
    assert result.train_accuracy == 0.75
    assert result.augment == "flip"
    assert result.has_images
    assert not result.has_colors


def test_capacity(context, scans):
    model, made = regularized(context, scans)
    assert Capacity.measure(made) == Capacity(7, model.count_params())


def test_accuracy_that_has_fallen_since_its_best(context, scans):
    labels = scans.validation.labels
    zeros = np.zeros(len(labels), np.float32)
    # Accuracy was 1 in the first evaluations, and is 0 now.
    predictions = [
        Predictions(labels, (labels + shift) % 10, zeros, zeros, zeros)
        for shift in (0, 0, 1)
    ]
    _, made = regularized(context, scans, predictions=predictions)
    result = AccuracyFall.measure(made)
    assert result.fall.value == 1.0
    assert result.p < 1e-6


def test_the_p_of_many_evaluations_is_a_probability(context, scans):
    labels = scans.validation.labels
    zeros = np.zeros(len(labels), np.float32)
    predictions = [Predictions(labels, labels, zeros, zeros, zeros)] * 30
    _, made = regularized(context, scans, predictions=predictions)
    assert AccuracyFall.measure(made).p == 1.0


def test_without_hidden_layers_the_classes_are_the_narrowest(context, scans):
    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(10)])
    made = context(scans.train, scans.validation, program=program(model), rows=[{}])
    assert Capacity.measure(made).narrowest == 10
    assert np.isnan(Regularization.measure(made).train_accuracy)


def test_saturating_layers(context, scans):
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((64,)),
            layers.Dense(30, "relu"),
            layers.Dense(30, "tanh"),
            layers.Dense(10, "softmax"),
        ]
    )
    made = context(scans.train, scans.validation, program=program(model))
    # The last one is a head.
    assert Activations.measure(made) == Activations(saturating=1, softmax=0)


def test_a_run_that_swings_has_not_fallen(context, scans):
    labels = scans.validation.labels
    zeros = np.zeros(len(labels), np.float32)
    generator = np.random.default_rng(0)

    def evaluation(accuracy):
        right = generator.random(len(labels)) < accuracy
        return Predictions(labels, np.where(right, labels, -1), zeros, zeros, zeros)

    swinging = [evaluation(each) for each in (0.5, 0.8, 0.55, 0.8, 0.5, 0.75, 0.55)]
    _, made = regularized(context, scans, predictions=swinging)
    result = AccuracyFall.measure(made)
    assert abs(result.fall.value) < 0.1
    assert result.fall.low < 0
    assert result.p > 0.05
    # One that ends far below where it has swung before has.
    low = [evaluation(each) for each in (0.2, 0.05, 0.2, 0.05, 0.2)]
    _, made = regularized(context, scans, predictions=[*swinging, *low])
    result = AccuracyFall.measure(made)
    assert result.fall.low > 0.3
    assert result.p < 0.001


def test_images_that_turn_together_are_no_independent_trials(context, scans):
    """The same 14 of 359 images are right in every second evaluation."""
    labels = scans.validation.labels
    zeros, place = np.zeros(len(labels), np.float32), np.arange(len(labels))
    predictions = [
        Predictions(labels, np.where(place < right, labels, -1), zeros, zeros, zeros)
        for right in (250, 264, 249, 263, 250, 264, 248, 263, 249)
    ]
    _, made = regularized(context, scans, predictions=predictions)
    assert AccuracyFall.measure(made).p > 0.05
    # One that has only fallen since does not swing.
    predictions = [*predictions[:2], *predictions[1:2] * 4, predictions[-1]]
    _, made = regularized(context, scans, predictions=predictions)
    assert AccuracyFall.measure(made).p < 0.01
