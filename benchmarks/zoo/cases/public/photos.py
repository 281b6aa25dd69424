"""Public reports about photographs; here they are of flowers."""

from __future__ import annotations

import functools

import keras
import numpy as np
import tensorflow as tf

from benchmarks.zoo.cases import spoil
from benchmarks.zoo.cases.case import Case, Program, case
from benchmarks.zoo.cases.data import Data
from benchmarks.zoo.cases.public.images import PHOTOGRAPHS, only, photographs
from benchmarks.zoo.cases.recipe import compiled
from benchmarks.zoo.cases.report import nets
from benchmarks.zoo.cases.report.plan import Plan, adam, rmsprop, sgd, unit

layers = keras.layers
_RAW = "unnormalized_inputs|learning_rate_too_high|dead_units|exploding_gradients"


def standardized(data: Data, validation: bool) -> Data:
    """Standardizes the channels of pixels from 0 to 1, of training images or of all."""
    data = unit(data)
    mean, deviation = data.x.mean(axis=(0, 1, 2)), data.x.std(axis=(0, 1, 2))

    def change(images: np.ndarray) -> np.ndarray:
        return (images - mean) / deviation

    return data.inputs(change) if validation else data.but(x=change(data.x))


def reshuffled(seed: int, broken: bool) -> Program:
    """Divides a data set that is reshuffled each epoch, by `take` and `skip`."""
    data = unit(photographs(seed))
    x, y = np.concatenate([data.x, data.vx]), np.concatenate([data.y, data.vy])
    whole = tf.data.Dataset.from_tensor_slices((x, y))
    whole = whole.shuffle(len(y), seed=seed, reshuffle_each_iteration=broken).batch(32)
    batches = 3 * len(y) // 4 // 32
    model = compiled(nets.strided()(x.shape[1:], 5), adam(1e-3)())
    return Program(
        model,
        whole.take(batches),
        whole.skip(batches),
        (data.tx, data.ty),
        epochs=25,
        batch_size=None,
    )


def _pretrained(data: Data) -> keras.Model:
    """Returns convolutions that rescale pixels from 0 to 255 by themselves."""
    base = keras.Sequential(
        [keras.Input(data.x.shape[1:]), layers.Rescaling(1 / 127.5, offset=-1)]
    )
    for filters in (16, 32):
        base.add(layers.Conv2D(filters, 3))
        base.add(layers.BatchNormalization(momentum=0.9))
        base.add(layers.ReLU())
        base.add(layers.MaxPooling2D())
    base.add(layers.GlobalAveragePooling2D())
    head = layers.Dense(data.classes, activation="softmax")
    compiled(keras.Sequential([base, head])).fit(data.x, data.y, epochs=8, verbose=0)
    base.trainable = False
    return base


def rescaled_twice(seed: int, broken: bool) -> Program:
    """Divides pixels by 255 in front of a frozen base that rescales them itself."""
    data = photographs(seed, train=2000, validation=800)
    base = _pretrained(only(data, (0, 1, 2)))
    data = only(data, (3, 4))
    data = unit(data) if broken else data
    head = layers.Dense(data.classes, activation="softmax")
    model = compiled(keras.Sequential([base, head]), keras.optimizers.Adam(3e-3))
    test = (data.tx, data.ty)
    return Program(model, (data.x, data.y), (data.vx, data.vy), test, epochs=25)


def vgg(shape: tuple[int, ...], classes: int) -> keras.Model:
    """Three pairs of convolutions and two dense layers, in the manner of VGG-16."""
    model = keras.Sequential([keras.Input(shape)])
    for filters in (12, 24, 32):
        for _ in range(2):
            model.add(layers.Conv2D(filters, 3, padding="same", activation="relu"))
        model.add(layers.MaxPooling2D())
    model.add(layers.Flatten())
    for _ in range(2):
        model.add(layers.Dense(96, activation="relu"))
        model.add(layers.Dropout(0.2))
    model.add(layers.Dense(classes, activation="softmax"))
    return model


_PLAN = Plan(photographs, nets.strided(), scale=unit, optimizer=adam(1e-3), epochs=15)


def _vgg(seed: int, broken: bool) -> Program:
    rate = 1e-2 if broken else 1e-3
    plan = _PLAN.but(net=vgg, optimizer=rmsprop(rate), batch=64, epochs=15)
    return plan.program(seed)


def _resized(seed: int, broken: bool) -> Program:
    """Converts pixels to floats after resizing, which leaves them as they are."""
    scale = (lambda data: data) if broken else unit
    return _PLAN.but(scale=scale, optimizer=sgd(0.02, 0.9)).program(seed)


CASES: tuple[Case, ...] = (
    case(
        "public: only training images are standardized",
        "https://github.com/keras-team/keras/issues/2622",
        PHOTOGRAPHS,
        "preprocessing_mismatch",
        lambda seed, broken: _PLAN.but(
            scale=functools.partial(standardized, validation=not broken)
        ).program(seed),
    ),
    case(
        "public: a reshuffled data set is divided",
        "https://discuss.ai.google.dev/t/"
        "data-leakage-image-dataset-from-directory/28928",
        PHOTOGRAPHS,
        "split_leakage",
        reshuffled,
        ruler=True,
    ),
    case(
        "public: divided by 255 before a net that rescales",
        "https://github.com/tensorflow/tensorflow/issues/43938",
        PHOTOGRAPHS,
        "unnormalized_inputs|preprocessing_mismatch|frozen_weights",
        rescaled_twice,
    ),
    case(
        "public: seventeen flowers and a VGG",
        "https://github.com/tflearn/tflearn/pull/691",
        PHOTOGRAPHS,
        "learning_rate_too_high|exploding_gradients|dead_units",
        _vgg,
    ),
    case(
        "public: resized, and so not converted",
        "https://github.com/tensorflow/tensorflow/issues/1763",
        PHOTOGRAPHS,
        _RAW,
        _resized,
    ),
    case(
        "public: the last fifth is one class",
        "https://github.com/tensorflow/tfjs/issues/5976",
        PHOTOGRAPHS,
        "split_artifact",
        lambda seed, broken: _PLAN.but(
            spoil=spoil.sorted_split if broken else None
        ).program(seed),
        ruler=True,
    ),
)
