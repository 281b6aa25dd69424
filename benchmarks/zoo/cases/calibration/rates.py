"""Learning rates, batch sizes, and how long a training takes."""

from __future__ import annotations

import keras

from benchmarks.zoo.cases.case import Case, Program, case
from benchmarks.zoo.cases.data import blobs, digits
from benchmarks.zoo.cases.recipe import (
    CNN,
    FASHION_MLP,
    FASHION_SGD,
    FLOWERS,
    FLOWERS_SGD,
    MLP,
    SGD,
    SGD_CNN,
    compiled,
    faulty,
)

layers = keras.layers
optimizers = keras.optimizers


def two_clouds(seed: int, broken: bool) -> Program:
    """Two clouds, sigmoids, and a rate with which nothing happens in ten epochs."""
    data = blobs(seed, features=2, spread=0.8)
    hot = [keras.utils.to_categorical(y, 2) for y in (data.y, data.vy)]
    model = keras.Sequential(
        [
            keras.Input((2,)),
            layers.Dense(8, activation="sigmoid"),
            layers.Dense(2, activation="sigmoid"),
        ]
    )
    rate = 1e-4 if broken else 0.1
    compiled(model, optimizers.SGD(rate), "binary_crossentropy")
    test = (data.tx, data.ty)
    return Program(model, (data.x, hot[0]), (data.vx, hot[1]), test, 20)


def one_at_a_time(seed: int, broken: bool) -> Program:
    """Overlapping clouds, momentum, and one example a step."""
    data = blobs(seed, train=300, classes=4, features=4, spread=2.0)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(32, activation="relu"),
            layers.Dense(4, activation="softmax"),
        ]
    )
    compiled(model, optimizers.SGD(0.02, momentum=0.9))
    return Program(
        model,
        (data.x, data.y),
        (data.vx, data.vy),
        (data.tx, data.ty),
        epochs=15,
        batch_size=1 if broken else 32,
    )


def steep_schedule(seed: int, broken: bool) -> Program:
    """A schedule that divides the rate by ten each epoch, from the first on."""
    data = digits(seed).inputs(lambda x: x / 255)
    model = MLP.network((8, 8, 1), 10)
    steps = -(-len(data.y) // 32)
    factor = 0.1 if broken else 0.98
    rate = optimizers.schedules.ExponentialDecay(0.1, steps, factor)
    compiled(model, optimizers.SGD(rate))
    return Program(
        model, (data.x, data.y), (data.vx, data.vy), (data.tx, data.ty), epochs=25
    )


def rounded_to_nothing(seed: int, broken: bool) -> Program:
    """A rate that is divided without remainder after two epochs, and becomes 0."""
    data = digits(seed).inputs(lambda x: x / 255)
    model = MLP.network((8, 8, 1), 10)
    steps = 2 * -(-len(data.y) // 32)
    later = 0.02 * (1 // 2 if broken else 1 / 2)
    compiled(
        model,
        optimizers.SGD(
            optimizers.schedules.PiecewiseConstantDecay([steps], [0.02, later])
        ),
    )
    return Program(
        model, (data.x, data.y), (data.vx, data.vy), (data.tx, data.ty), epochs=25
    )


_HIGH = "learning_rate_too_high|exploding_gradients|dead_units"
_LOW = "learning_rate_too_low"
_SHORT = "stopped_too_early|learning_rate_too_low"
_LARGE = "batch_size_too_large|learning_rate_too_low|stopped_too_early"
_SMALL = "batch_size_too_small|learning_rate_too_high"
_ADADELTA = MLP.but(optimizer=optimizers.Adadelta, learning_rate=1.0)
_MOMENTUM = SGD_CNN.but(learning_rate=0.02, options={"momentum": 0.9})

CASES: tuple[Case, ...] = (
    case(
        "SGD 30 times too high",
        "I1 TheDeepChecker high_lr",
        "digits",
        _HIGH,
        faulty(_MOMENTUM, learning_rate=0.6),
    ),
    case(
        "Adam .1, small epsilon",
        "I3 low_adam_epsilon",
        "digits",
        _HIGH,
        faulty(CNN, learning_rate=0.1, options={"epsilon": 1e-16}),
    ),
    case(
        "collapse under SGD",
        "keras #4066, #1478",
        "flowers",
        _HIGH,
        faulty(
            FLOWERS_SGD,
            learning_rate=1.5,
        ),
    ),
    case(
        "RMSprop .05",
        "own: P1",
        "fashion",
        _HIGH,
        faulty(FASHION_MLP, optimizer=optimizers.RMSprop, learning_rate=0.05),
    ),
    case(
        "SGD .0005",
        "I2 TheDeepChecker low_lr",
        "digits",
        _LOW,
        faulty(SGD, learning_rate=0.0005),
    ),
    case(
        "Adadelta .001",
        "I17 deepcrime M Adadelta",
        "digits",
        _LOW,
        faulty(_ADADELTA, learning_rate=0.001),
    ),
    case(
        "rate 1e-6",
        "keras #2711",
        "fashion",
        _LOW,
        faulty(FASHION_MLP, learning_rate=1e-6),
    ),
    case("two clouds", "SO 50306988", "blobs", _LOW, two_clouds),
    case("rate rounded to 0", "own: P2", "digits", _LOW, rounded_to_nothing),
    case("schedule too steep", "own: P2", "digits", _LOW, steep_schedule),
    case(
        "one example a step",
        "I20 AUTOTRAINER oscillating blob",
        "blobs",
        _SMALL,
        one_at_a_time,
    ),
    case(
        "batch norm of two",
        "own: P8",
        "flowers",
        "batch_size_too_small|train_eval_mismatch|learning_rate_too_high",
        faulty(
            FLOWERS.but(norm=True, learning_rate=1e-3, epochs=8),
            batch=2,
        ),
    ),
    case(
        "batch of two with momentum",
        "own: P8",
        "digits",
        _SMALL,
        faulty(_MOMENTUM.but(epochs=8, learning_rate=0.03), batch=2),
    ),
    case(
        "batch 2,000",
        "SO 44164749",
        "fashion",
        _LARGE,
        faulty(
            FASHION_SGD,
            batch=2000,
        ),
    ),
    case("all in one batch", "own: P8", "digits", _LARGE, faulty(SGD, batch=900)),
    case(
        "three epochs",
        "I18 deepcrime epochs",
        "flowers",
        _SHORT,
        faulty(FLOWERS, epochs=3),
    ),
    case("one epoch", "Defects4ML 022", "digits", _SHORT, faulty(MLP, epochs=2)),
    case(
        "five epochs of SGD",
        "SO 58609115, epochs alone",
        "digits",
        _SHORT,
        faulty(SGD.but(learning_rate=0.02, epochs=60), epochs=5),
    ),
)
