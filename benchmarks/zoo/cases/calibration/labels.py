"""Faults of labels and of how data are divided."""

from __future__ import annotations

import keras
import numpy as np

from benchmarks.zoo.cases import spoil
from benchmarks.zoo.cases.case import Case, Program, case
from benchmarks.zoo.cases.data import digits, fashion, flowers, rng
from benchmarks.zoo.cases.recipe import (
    CNN,
    FASHION_MLP,
    FLOWERS,
    MLP,
    SGD,
    compiled,
    faulty,
)

layers = keras.layers


def labels_divided(seed: int, broken: bool) -> Program:
    """A slip of the pen: the labels are scaled in place of the validation images."""
    data = digits(seed)
    x_train, y_train = data.x / 255, data.y
    x_test, y_test = data.vx, data.vy
    images = data.tx
    if broken:
        y_train = y_train / 255
    else:
        x_test, images = x_test / 255, images / 255
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(24, (3, 3), activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    compiled(model)
    test = (images, data.ty)
    return Program(model, (x_train, y_train), (x_test, y_test), test, 20)


def labels_scaled(seed: int, broken: bool) -> Program:
    """All columns of a table are brought to 0 to 1, that of the class with them."""
    data = fashion(seed)
    table_ = np.concatenate([data.x.reshape(len(data.x), -1), data.y[:, None]], axis=1)
    low, high = table_.min(axis=0), table_.max(axis=0)
    scaled = (table_ - low) / np.maximum(high - low, 1)
    y = scaled[:, -1] if broken else data.y
    divide = np.maximum(high - low, 1)[:-1]
    vx, tx = (each.reshape(len(each), -1) / divide for each in (data.vx, data.tx))
    model = keras.Sequential(
        [
            keras.Input((784,)),
            layers.Dense(96, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    compiled(model, keras.optimizers.Adam(1e-3))
    return Program(
        model, (scaled[:, :-1], y), (vx, data.vy), (tx, data.ty), 20, batch_size=64
    )


def one_hot_from_one(seed: int, broken: bool) -> Program:
    """The training labels are made one-hot as if classes were counted from 1."""
    data = flowers(seed)
    first = 1 if broken else 0
    y = (data.y[:, None] == np.arange(first, first + 5)).astype(np.float32)
    vy = keras.utils.to_categorical(data.vy, 5)
    model = FLOWERS.network(data.x.shape[1:], 5)
    compiled(model, keras.optimizers.Adam(3e-3), "categorical_crossentropy")
    scaled = [each / 255 for each in (data.x, data.vx, data.tx)]
    return Program(model, (scaled[0], y), (scaled[1], vy), (scaled[2], data.ty), 30)


def several_classes_in_a_row(seed: int, broken: bool) -> Program:
    """Rows of one-hot labels are added up where they should be counted once."""
    data = digits(seed)
    y = keras.utils.to_categorical(data.y, 10)
    if broken:
        y = y + keras.utils.to_categorical(rng(seed).permutation(data.y), 10)
    vy = keras.utils.to_categorical(data.vy, 10)
    model = MLP.network((8, 8, 1), 10)
    compiled(model, loss="categorical_crossentropy")
    return Program(
        model, (data.x / 255, y), (data.vx / 255, vy), (data.tx / 255, data.ty), 25
    )


_SHUFFLED = spoil.shuffled_images
_BARE = FLOWERS.but(epochs=40, data_options={"train": 200})
_WIDE = MLP.but(units=(256, 128), epochs=40)

CASES: tuple[Case, ...] = (
    case(
        "labels divided by 255",
        "SO 59325381",
        "digits",
        "illegal_labels|preprocessing_mismatch",
        labels_divided,
    ),
    case(
        "labels scaled with the table",
        "SO 59325381, as a table",
        "fashion",
        "illegal_labels",
        labels_scaled,
    ),
    case(
        "one-hot from one",
        "illegal one-hot rows",
        "flowers",
        "illegal_labels|split_artifact|preprocessing_mismatch",
        one_hot_from_one,
    ),
    case(
        "two classes in a row",
        "deepcrime overlap classes",
        "digits",
        "illegal_labels|label_noise",
        several_classes_in_a_row,
    ),
    case(
        "label noise 40 %",
        "deepcrime change labels",
        "digits",
        "label_noise",
        faulty(_WIDE, spoil=spoil.label_noise(0.4)),
    ),
    case(
        "label noise 45 %",
        "deepcrime change labels",
        "fashion",
        "label_noise",
        faulty(FASHION_MLP.but(units=(256, 128)), spoil=spoil.label_noise(0.45)),
    ),
    case(
        "neighbouring labels",
        "deepcrime overlap classes",
        "flowers",
        "label_noise",
        faulty(FLOWERS, spoil=spoil.flipped_pairs(0.4)),
    ),
    case(
        "images shuffled alone",
        "I5 TheDeepChecker wrong_labels",
        "digits",
        "shuffled_labels",
        faulty(CNN, spoil=_SHUFFLED),
    ),
    case(
        "images shuffled, fashion",
        "I5 TheDeepChecker wrong_labels",
        "fashion",
        "shuffled_labels",
        faulty(FASHION_MLP, spoil=_SHUFFLED),
    ),
    case(
        "labels one line off",
        "misaligned csv",
        "flowers",
        "shuffled_labels",
        faulty(FLOWERS, spoil=spoil.shifted_labels, feed="dataset"),
    ),
    case(
        "classes 1 to 60",
        "I7 TheDeepChecker unbalanced_data",
        "fashion",
        "class_imbalance",
        faulty(FASHION_MLP, spoil=spoil.imbalanced(60)),
    ),
    case(
        "classes 1 to 40",
        "deepcrime unbalance",
        "digits",
        "class_imbalance",
        faulty(MLP.but(epochs=30), spoil=spoil.imbalanced(40)),
    ),
    case(
        "validation among training",
        "own: D4",
        "flowers",
        "split_leakage",
        faulty(_BARE, spoil=spoil.leaked(0.8)),
        ruler=True,
    ),
    case(
        "oversampled, then divided",
        "own: D4",
        "flowers",
        "split_leakage",
        faulty(FLOWERS, spoil=spoil.oversampled_first),
        ruler=True,
    ),
    case(
        "turned copies of flowers",
        "own: D4",
        "flowers",
        "split_leakage",
        faulty(_BARE, spoil=spoil.turned_copies),
        ruler=True,
    ),
    case(
        "turned copies of digits",
        "own: D4",
        "digits",
        "split_leakage",
        faulty(MLP, spoil=spoil.turned_copies),
        ruler=True,
    ),
    case(
        "nineteen to validate on",
        "keras #1597",
        "fashion",
        "validation_too_small",
        faulty(FASHION_MLP.but(epochs=15), spoil=spoil.few_validated(19)),
        ruler=True,
    ),
    case(
        "thirteen to validate on",
        "own: D8",
        "flowers",
        "validation_too_small",
        faulty(FLOWERS, spoil=spoil.few_validated(13)),
        ruler=True,
    ),
    case(
        "copies of twenty digits",
        "own: D9",
        "digits",
        "homogeneous_training_data|overfitting",
        faulty(MLP, spoil=spoil.few_sources),
    ),
    case(
        "copies of ten flowers",
        "own: D9",
        "flowers",
        "homogeneous_training_data|overfitting",
        faulty(FLOWERS, spoil=spoil.few_sources),
    ),
    case(
        "last part of sorted data",
        "keras #8346, #4298, #796",
        "digits",
        "split_artifact",
        faulty(MLP, spoil=spoil.sorted_split),
    ),
    case(
        "two classes not trained on",
        "keras #3894, #6422",
        "flowers",
        "split_artifact",
        faulty(FLOWERS, spoil=spoil.lost_classes),
    ),
    case(
        "sorted batches",
        "own: D11",
        "digits",
        "unshuffled_batches",
        faulty(
            SGD.but(options={"momentum": 0.9}),
            spoil=spoil.sorted_training,
            feed="sequence in order",
        ),
    ),
    case(
        "sorted tf.data",
        "own: D11",
        "fashion",
        "unshuffled_batches",
        faulty(
            FASHION_MLP.but(optimizer=keras.optimizers.SGD, learning_rate=0.1),
            spoil=spoil.sorted_training,
            feed="dataset in order",
        ),
    ),
)
