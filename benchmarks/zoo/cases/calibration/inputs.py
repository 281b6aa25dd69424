"""Faults of the images: shift between splits, scaling, preparation."""

from __future__ import annotations

import keras
import numpy as np

from benchmarks.zoo.cases import spoil
from benchmarks.zoo.cases.case import Case, Program, case
from benchmarks.zoo.cases.data import Data, blobs, fashion, flowers
from benchmarks.zoo.cases.recipe import (
    CNN,
    FASHION,
    FLOWERS,
    MLP,
    SGD_CNN,
    compiled,
    faulty,
)

layers = keras.layers


def narrow_light(seed: int, broken: bool) -> Program:
    """Trains on pictures of one light only."""
    light = 0.1 if broken else 1.5
    data = flowers(seed, train=600, light=light, validation_light=1.5)
    model = FLOWERS.network(data.x.shape[1:], 5)
    compiled(model, keras.optimizers.Adam(3e-3))
    scaled = [each / 255 for each in (data.x, data.vx, data.tx)]
    return Program(
        model, (scaled[0], data.y), (scaled[1], data.vy), (scaled[2], data.ty), 30
    )


def wide_light(data: Data, draws: np.random.Generator) -> Data:
    """Brings the changes of the validation images into training as well."""
    half = len(data.x) // 2
    x = data.x.copy()
    x[:half] = 255 - x[:half]
    return spoil.inverted(data.but(x=x), draws)


def raw_pixels(seed: int, broken: bool) -> Program:
    """A network of photographs as they are: 0 to 255, and plain SGD."""
    data = flowers(seed)
    scale = 1.0 if broken else 1 / 255
    model = keras.Sequential(
        [
            keras.Input((24, 24, 3)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(5, activation="softmax"),
        ]
    )
    compiled(model, keras.optimizers.SGD(0.02, momentum=0.9))
    return Program(
        model,
        (data.x * scale, data.y),
        (data.vx * scale, data.vy),
        (data.tx * scale, data.ty),
        30,
    )


def table_not_standardized(seed: int, broken: bool) -> Program:
    """Columns of money and of years beside columns of shares."""
    data = blobs(seed, features=6, spread=1.6)
    factors = np.array([3000, 40, 1, 0.1, 0.02, 500], np.float32)
    shift = np.array([40_000, 300, 0, 0, 0, 9_000], np.float32)
    data = data.inputs(lambda x: x * factors + shift)
    if not broken:
        mean, deviation = data.x.mean(axis=0), data.x.std(axis=0)
        data = data.inputs(lambda x: (x - mean) / deviation)
    model = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(16, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    compiled(model, "sgd", "binary_crossentropy")
    return Program(model, (data.x, data.y), (data.vx, data.vy), (data.tx, data.ty), 40)


def swapped_channels(seed: int, broken: bool) -> Program:
    """One library reads red first, and another one blue."""
    data = flowers(seed)
    order = slice(None, None, -1) if broken else slice(None)
    vx, tx = data.vx[..., order] / 255, data.tx[..., order] / 255
    model = FLOWERS.network((24, 24, 3), 5)
    compiled(model, keras.optimizers.Adam(3e-3))
    return Program(model, (data.x / 255, data.y), (vx, data.vy), (tx, data.ty), 30)


def unscaled_validation(seed: int, broken: bool) -> Program:
    """Centres the training images only."""
    data = fashion(seed)
    mean, deviation = data.x.mean(), data.x.std()
    x = (data.x - mean) / deviation
    vx, tx = data.vx / 255, data.tx / 255
    if not broken:
        vx, tx = (data.vx - mean) / deviation, (data.tx - mean) / deviation
    model = MLP.but(units=(96,)).network((28, 28, 1), 10)
    compiled(model)
    return Program(model, (x, data.y), (vx, data.vy), (tx, data.ty), 15, batch_size=64)


_TWICE = SGD_CNN.but(learning_rate=0.1)
_WIDE = MLP.but(spoil=wide_light, epochs=30)
_NOISY = FASHION.but(epochs=15)


def noisy(seed: int, broken: bool) -> Program:
    """Trains on clean pictures, and validates on those of another camera."""
    data = _NOISY.but(spoil=spoil.noisier(90.0)).read(seed)
    if not broken:
        draws = np.random.Generator(np.random.PCG64(seed))
        noise = 90 / 255 * draws.normal(0, 1, data.x.shape)
        data = data.but(x=(data.x + noise).astype(np.float32))
    model = FASHION.network((28, 28, 1), 10)
    compiled(model)
    return Program(
        model,
        (data.x, data.y),
        (data.vx, data.vy),
        (data.tx, data.ty),
        epochs=15,
        batch_size=64,
    )


CASES: tuple[Case, ...] = (
    case(
        "narrow light",
        "own: D5",
        "flowers",
        "distribution_shift|homogeneous_training_data",
        narrow_light,
    ),
    case(
        "negatives to validate on",
        "own: D5",
        "digits",
        "distribution_shift|preprocessing_mismatch",
        faulty(_WIDE, spoil=spoil.inverted),
    ),
    case(
        "another camera's noise",
        "deepcrime add noise",
        "fashion",
        "distribution_shift|preprocessing_mismatch",
        noisy,
    ),
    case(
        "raw pixels",
        "SO 48594888",
        "flowers",
        "unnormalized_inputs|learning_rate_too_high|dead_units|exploding_gradients",
        raw_pixels,
    ),
    case(
        "raw digits",
        "I4 TheDeepChecker missing_normalization",
        "digits",
        "unnormalized_inputs|learning_rate_too_high|dead_units|exploding_gradients",
        faulty(SGD_CNN, scale=1.0),
    ),
    case(
        "scaled twice",
        "I4 TheDeepChecker double_normalization",
        "digits",
        "unnormalized_inputs|learning_rate_too_low|stopped_too_early",
        faulty(_TWICE, scale=1 / 255**2),
    ),
    case(
        "table not standardized",
        "SO 39525358",
        "blobs",
        "unnormalized_inputs|learning_rate_too_high|exploding_gradients",
        table_not_standardized,
    ),
    case(
        "blue before red",
        "own: D7",
        "flowers",
        "preprocessing_mismatch",
        swapped_channels,
    ),
    case(
        "only training images centred",
        "own: D7",
        "fashion",
        "preprocessing_mismatch",
        unscaled_validation,
    ),
    case(
        "validation images scaled twice",
        "SO 59325381, reversed",
        "digits",
        "preprocessing_mismatch",
        faulty(CNN, spoil=spoil.validated_otherwise(lambda x: x / 255)),
    ),
    case(
        "folders in another order",
        "own: D7",
        "digits",
        "preprocessing_mismatch",
        faulty(MLP, spoil=spoil.relabelled_validation),
    ),
)
