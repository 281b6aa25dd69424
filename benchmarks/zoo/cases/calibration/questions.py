"""Programs of questions on which DeepFD and DEFault were evaluated.

Fault types and patches are those of DeepFD's benchmark; whether a patch mends a fault
is decided anew, by what the fault costs.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import keras
import numpy as np
from sklearn import datasets

from benchmarks.zoo.cases.calibration.unusual import program
from benchmarks.zoo.cases.case import Case, Program, case
from benchmarks.zoo.cases.data import Data, digits, fashion, rng
from benchmarks.zoo.cases.recipe import compiled

layers = keras.layers
optimizers = keras.optimizers


def divided(inputs: np.ndarray, labels: np.ndarray, seed: int, train: int) -> Data:
    """Returns three splits of a table in random order.

    Args:
        inputs: Rows of the table, [N, ...].
        labels: Class numbers, [N].
        seed: Seed of the order.
        train: Number of training rows; half of the others are for validation.
    """
    order = rng(seed).permutation(len(labels))
    splits = np.split(order, [train, (train + len(labels)) // 2])
    arrays = [
        array
        for rows in splits
        for array in (inputs[rows].astype(np.float32), labels[rows].astype(np.int32))
    ]
    return Data(*arrays, classes=int(labels.max()) + 1)


def irises(seed: int) -> Data:
    """Returns four measurements of three kinds of irises, in centimetres."""
    table = datasets.load_iris()
    return divided(table["data"], table["target"], seed, 60)


def tumours(seed: int) -> Data:
    """Returns thirty measurements of two kinds of tumours, in their own units."""
    table = datasets.load_breast_cancer()
    return divided(table["data"], table["target"], seed, 250)


def texts(seed: int, count: int = 1600) -> Data:
    """Returns drawn texts of eight topics: how often each of 300 words occurs."""
    draws = rng(seed)
    # Some words are more frequent in one topic than in the others.
    topics = 1 + 4 * (rng(5).random((8, 300)) < 0.06)
    labels = draws.integers(8, size=count)
    frequencies = topics[labels] / topics[labels].sum(axis=1, keepdims=True)
    return divided(draws.poisson(40 * frequencies), labels, seed, 600)


def standardized(data: Data) -> Data:
    """Returns a table with mean 0 and deviation 1 in each column of training rows."""
    mean, deviation = data.x.mean(axis=0), data.x.std(axis=0)
    return data.inputs(lambda x: (x - mean) / deviation)


def two_digits(seed: int) -> Data:
    """Returns digits in two classes, below five and others; pixels from 0 to 1."""
    data = digits(seed).inputs(lambda x: x / 255)
    y, vy, ty = (labels // 5 for labels in (data.y, data.vy, data.ty))
    return Data(data.x, y, data.vx, vy, data.tx, ty, classes=2)


def dense(
    data: Data, units: tuple[int, ...], activation: str, head: str, **options: Any
) -> keras.Sequential:
    """Returns dense layers, not compiled.

    Args:
        data: The data that they are for.
        units: Units of each hidden layer.
        activation: Activation of the hidden layers.
        head: Activation of the last layer.
        **options: Further arguments of all layers.
    """
    model = keras.Sequential([keras.Input(data.x.shape[1:]), layers.Flatten()])
    for count in units:
        model.add(layers.Dense(count, activation, **options))
    model.add(layers.Dense(data.classes, head, **options))
    return model


def convolutions(
    data: Data, filters: tuple[int, ...], head: str = "softmax"
) -> keras.Sequential:
    """Returns pairs of convolutions and two dense layers, not compiled.

    Args:
        data: The data that they are for.
        filters: Filters of each pair; pooling and dropout follow it.
        head: Activation of the last layer.
    """
    model = keras.Sequential([keras.Input(data.x.shape[1:])])
    for count in filters:
        for _ in range(2):
            model.add(layers.Conv2D(count, 3, padding="same", activation="relu"))
        model.add(layers.MaxPooling2D())
        model.add(layers.Dropout(0.25))
    model.add(layers.Flatten())
    model.add(layers.Dense(64, "relu"))
    model.add(layers.Dropout(0.3))
    model.add(layers.Dense(data.classes, head))
    return model


def one_hot(original: Program, classes: int) -> Program:
    """Returns a program with one-hot labels."""
    (x, y), (vx, vy) = original.train, original.validation
    y, vy = (keras.utils.to_categorical(labels, classes) for labels in (y, vy))
    return dataclasses.replace(original, train=(x, y), validation=(vx, vy))


def raw_and_sigmoids(seed: int, broken: bool) -> Program:
    """Raw pixels, a sigmoid for each class and SGD; the patch changes all three."""
    data = digits(seed)
    if not broken:
        data = data.inputs(lambda x: x / 255)
    model = dense(data, (64,), "relu", "sigmoid" if broken else "softmax")
    kind = optimizers.SGD if broken else optimizers.Adam
    return program(compiled(model, kind(0.01)), data, epochs=15)


def raw_table(seed: int, broken: bool) -> Program:
    """Columns in their own units; the patch standardizes them."""
    data = tumours(seed)
    if not broken:
        data = standardized(data)
    model = dense(data, (16,), "sigmoid", "softmax")
    return program(compiled(model, optimizers.Adam(2e-3)), data, epochs=12, batch=10)


def small_and_raw(seed: int, broken: bool) -> Program:
    """Four ReLUs and sigmoids by Adam; the patch changes all, and scales the table."""
    data = irises(seed)
    if not broken:
        data = standardized(data)
    activation, head = ("relu", "sigmoid") if broken else ("selu", "softmax")
    # This is what Keras calls "normal".
    normal = keras.initializers.RandomNormal
    model = dense(data, (4,), activation, head, kernel_initializer=normal(stddev=0.05))
    optimizer = optimizers.Adam(1e-3) if broken else optimizers.SGD(0.1)
    return program(compiled(model, optimizer), data, epochs=25, batch=5)


def relu_head(seed: int, broken: bool) -> Program:
    """A ReLU as the last activation; the patch takes a softmax."""
    data = digits(seed).inputs(lambda x: x / 255)
    model = convolutions(data, (16,), "relu" if broken else "softmax")
    return program(compiled(model, optimizers.Adam(5e-3)), data, epochs=10)


def fast_convolutions(seed: int, broken: bool) -> Program:
    """SGD with Nesterov momentum at a rate of .1; the patch takes .01."""
    data = fashion(seed, 1200).inputs(lambda x: x / 255)
    optimizer = optimizers.SGD(0.1 if broken else 0.01, momentum=0.9, nesterov=True)
    model = compiled(convolutions(data, (12, 24)), optimizer)
    return program(model, data, epochs=10)


def one_hot_irises(seed: int, broken: bool) -> Program:
    """One-hot labels and the loss for them, which is right."""
    data = irises(seed)
    model = dense(data, (16,), "relu", "softmax")
    compiled(model, optimizers.Adam(5e-3), "categorical_crossentropy")
    return one_hot(program(model, data, epochs=80, batch=10), data.classes)


def binary_texts(seed: int, broken: bool) -> Program:
    """Binary cross-entropy of eight topics, and categorical accuracy.

    The patch takes categorical cross-entropy, which gains nothing.
    """
    data = texts(seed)
    model = dense(data, (64,), "relu", "softmax")
    metric = keras.metrics.CategoricalAccuracy(name="accuracy")
    compiled(model, optimizers.Adamax(2e-3), "binary_crossentropy", (metric,))
    return one_hot(program(model, data, epochs=25), data.classes)


def softmax_over_one(seed: int, broken: bool) -> Program:
    """A softmax over one unit, which is always 1; the patch takes a sigmoid."""
    data = two_digits(seed)
    head = "softmax" if broken else "sigmoid"
    model = keras.Sequential(
        [
            keras.Input(data.x.shape[1:]),
            layers.Flatten(),
            layers.Dense(64, "relu"),
            layers.Dense(1, head),
        ]
    )
    metric = keras.metrics.BinaryAccuracy(name="accuracy")
    compiled(model, optimizers.Adam(2e-3), "binary_crossentropy", (metric,))
    return program(model, data, epochs=20)


def two_epochs(seed: int, broken: bool) -> Program:
    """Two epochs of SGD; the patch trains for ten."""
    data = digits(seed).inputs(lambda x: x / 255)
    model = compiled(dense(data, (64, 64), "relu", "softmax"), optimizers.SGD(0.01))
    return program(model, data, epochs=2 if broken else 10, batch=8)


CASES: tuple[Case, ...] = (
    case(
        "raw pixels into sigmoids",
        "SO 55328966",
        "digits",
        "unnormalized_inputs|loss_output_mismatch|learning_rate_too_high|dead_units"
        "|exploding_gradients",
        raw_and_sigmoids,
    ),
    case(
        "tumours in their own units",
        "SO 47724077",
        "tumours",
        "unnormalized_inputs|stopped_too_early|learning_rate_too_low",
        raw_table,
    ),
    case(
        "four units for irises",
        "SO 59278771",
        "irises",
        "stopped_too_early|learning_rate_too_low|unnormalized_inputs",
        small_and_raw,
    ),
    case(
        "a ReLU for a softmax",
        "SO 47352366",
        "digits",
        "loss_output_mismatch|dead_units",
        relu_head,
    ),
    case(
        "SGD of Nesterov at .1",
        "SO 37624102",
        "fashion",
        "learning_rate_too_high|exploding_gradients|dead_units",
        fast_convolutions,
    ),
    case("one-hot irises", "SO 39810655", "irises", "", one_hot_irises, floor=0.85),
    case(
        "binary cross-entropy of topics",
        "SO 41327601",
        "texts",
        "",
        binary_texts,
        floor=0.8,
    ),
    case(
        "softmax over one unit of digits",
        "SO 42800203",
        "digits",
        "loss_output_mismatch",
        softmax_over_one,
    ),
    case(
        "two epochs of SGD",
        "SO 37213388",
        "digits",
        "stopped_too_early|learning_rate_too_low",
        two_epochs,
    ),
)
