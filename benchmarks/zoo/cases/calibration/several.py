"""Programs with two faults and more, as real ones have."""

from __future__ import annotations

import keras

from benchmarks.zoo.cases import spoil
from benchmarks.zoo.cases.case import Case, Program, case
from benchmarks.zoo.cases.data import blobs, digits, flowers
from benchmarks.zoo.cases.recipe import (
    CNN,
    FASHION,
    FASHION_MLP,
    FLOWERS,
    MLP,
    SGD,
    compiled,
    faulty,
)

layers = keras.layers
optimizers = keras.optimizers
initializers = keras.initializers


def without_activations(seed: int, broken: bool) -> Program:
    """No activations, weights of deviation 1, squared error, and a rate of 3."""
    data = digits(seed).inputs(lambda x: x / 255)
    hot = [keras.utils.to_categorical(y, 10) for y in (data.y, data.vy)]
    normal = initializers.RandomNormal
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten()])
    if broken:
        model.add(layers.Dense(30, kernel_initializer=normal(stddev=1.0)))
        model.add(layers.Dense(10, kernel_initializer=normal(stddev=1.0)))
        compiled(model, optimizers.SGD(3.0), "mean_squared_error")
    else:
        model.add(layers.Dense(30, activation="sigmoid"))
        model.add(layers.Dense(10, activation="softmax"))
        compiled(model, optimizers.SGD(0.5), "categorical_crossentropy")
    test = (data.tx, data.ty)
    return Program(model, (data.x, hot[0]), (data.vx, hot[1]), test, 30)


def constant_answer(seed: int, broken: bool) -> Program:
    """A column in its thousands, softmax over one unit, and an absolute error."""
    data = blobs(seed, features=2, spread=0.8)
    data = data.inputs(lambda x: x * 4000)
    if not broken:
        mean, deviation = data.x.mean(axis=0), data.x.std(axis=0)
        data = data.inputs(lambda x: (x - mean) / deviation)
    last = "softmax" if broken else "sigmoid"
    model = keras.Sequential(
        [
            keras.Input((2,)),
            layers.Dense(16, activation="relu"),
            layers.Dense(1, activation=last),
        ]
    )
    loss = "mean_absolute_error" if broken else "binary_crossentropy"
    compiled(model, optimizers.SGD(0.01), loss)
    return Program(
        model, (data.x, data.y), (data.vx, data.vy), (data.tx, data.ty), epochs=30
    )


def three_mistakes(seed: int, broken: bool) -> Program:
    """Raw pixels, two thirds dropped, and a rate of 1e-5."""
    data = flowers(seed)
    scale = 1.0 if broken else 1 / 255
    rate, drop = (1e-5, 0.9) if broken else (3e-3, 0.2)
    model = keras.Sequential(
        [
            keras.Input((24, 24, 3)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dropout(drop),
            layers.Dense(5, activation="softmax"),
        ]
    )
    compiled(model, optimizers.Adam(rate))
    data = data.inputs(lambda x: x * scale)
    return Program(
        model, (data.x, data.y), (data.vx, data.vy), (data.tx, data.ty), epochs=30
    )


def sigmoids_everywhere(seed: int, broken: bool) -> Program:
    """Four layers of sigmoids, binary cross-entropy for ten classes, three epochs."""
    data = digits(seed).inputs(lambda x: x / 255)
    hot = [keras.utils.to_categorical(y, 10) for y in (data.y, data.vy)]
    kind = "sigmoid" if broken else "relu"
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten()])
    for count in (64, 64, 32):
        model.add(layers.Dense(count, activation=kind))
    model.add(layers.Dense(10, activation="sigmoid" if broken else "softmax"))
    loss = "binary_crossentropy" if broken else "categorical_crossentropy"
    compiled(model, "adam", loss)
    test = (data.tx, data.ty)
    epochs = 6 if broken else 25
    return Program(model, (data.x, hot[0]), (data.vx, hot[1]), test, epochs)


def _large() -> object:
    return initializers.RandomNormal(stddev=1.0)


_HIGH = "learning_rate_too_high|exploding_gradients|dead_units"
_RAW = "unnormalized_inputs|learning_rate_too_high|exploding_gradients|dead_units"

CASES: tuple[Case, ...] = (
    case(
        "no activations, MSE, rate 3",
        "SO 48385830",
        "digits",
        f"{_HIGH}|loss_output_mismatch bad_initialization",
        without_activations,
    ),
    case(
        "thousands into softmax of one",
        "SO 45442843",
        "blobs",
        "loss_output_mismatch unnormalized_inputs",
        constant_answer,
    ),
    case(
        "raw, dropped and slow",
        "UMLAUT user study a",
        "flowers",
        "learning_rate_too_low over_regularized unnormalized_inputs",
        three_mistakes,
    ),
    case(
        "sigmoids everywhere",
        "SO 58609115",
        "digits",
        "stopped_too_early|learning_rate_too_low "
        "vanishing_gradients|loss_output_mismatch",
        sigmoids_everywhere,
    ),
    case(
        "noise and slow",
        "own: two",
        "fashion",
        "learning_rate_too_low label_noise",
        faulty(FASHION_MLP, spoil=spoil.label_noise(0.4), learning_rate=2e-5),
    ),
    case(
        "dropout and slow",
        "own: two",
        "digits",
        "learning_rate_too_low over_regularized",
        faulty(CNN.but(units=(32,)), dropout=0.9, learning_rate=3e-5),
    ),
    case(
        "rare classes, high rate",
        "own: two",
        "fashion",
        f"{_HIGH} class_imbalance",
        faulty(FASHION, spoil=spoil.imbalanced(30), learning_rate=0.03),
    ),
    case(
        "raw pixels in huge batches",
        "own: two",
        "digits",
        f"{_RAW} batch_size_too_large|learning_rate_too_low|stopped_too_early",
        faulty(SGD, scale=1.0, batch=900),
    ),
    case(
        "zeros and classes lost",
        "own: two",
        "flowers",
        "bad_initialization split_artifact",
        faulty(FLOWERS, init="zeros", spoil=spoil.lost_classes),
    ),
    case(
        "wild weights, noisy labels",
        "UMLAUT user study b",
        "digits",
        "bad_initialization|learning_rate_too_high|exploding_gradients|dead_units "
        "label_noise",
        faulty(SGD.but(units=(64, 64)), init=_large, spoil=spoil.label_noise(0.3)),
    ),
    case(
        "sorted and softmax twice",
        "own: two",
        "digits",
        "unshuffled_batches loss_output_mismatch|learning_rate_too_low",
        faulty(
            SGD,
            feed="sequence in order",
            spoil=spoil.sorted_training,
            loss="mean_squared_error",
            one_hot=True,
        ),
    ),
    case(
        "few and unlike",
        "own: two",
        "flowers",
        "overfitting distribution_shift|preprocessing_mismatch",
        faulty(FLOWERS, spoil=spoil.both(spoil.few_trained(60), spoil.darker(0.4))),
    ),
    case(
        "few and small",
        "own: two",
        "digits",
        "overfitting|batch_size_too_large|learning_rate_too_low|stopped_too_early "
        "insufficient_capacity",
        faulty(
            MLP.but(units=(32, 32), epochs=40),
            units=(32, 2),
            spoil=spoil.few_trained(80),
        ),
    ),
)
