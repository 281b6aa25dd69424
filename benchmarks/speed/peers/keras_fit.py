"""Keras's `fit`, as in its tutorials.

    python -m benchmarks.speed.peers.keras_fit --workload=W1 --input=arrays

With `--input=tfdata` the images come from a tf.data pipeline whose autotuning is off:
its thread makes `fit` wait at the end of epochs, and arrays leave no way to switch it
off. W2 is augmented by `ImageDataGenerator`, or by layers with `--input=tfdata`.
Photographs come from `image_dataset_from_directory`, with `cache` if decoded once.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import tempfile

from benchmarks.speed import meter as meter_lib
from benchmarks.speed.peers.keras_nets import net
from benchmarks.speed.workloads import (
    CROP,
    SCALING,
    WORKLOADS,
    Workload,
    images,
    scaled,
    write_photographs,
)

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}


def augmentation() -> object:
    """Returns Keras's layers for the seed article's augmentation."""
    import keras

    layers, fill = keras.layers, "nearest"
    return keras.Sequential(
        [
            layers.RandomFlip("horizontal"),
            layers.RandomRotation(20 / 360, fill_mode=fill),
            layers.RandomTranslation(0.1, 0.1, fill_mode=fill),
            layers.RandomShear(0.1, fill_mode=fill),
            layers.RandomZoom(0.1, 0.1, fill_mode=fill),
        ]
    )


def main() -> None:
    """Trains and prints the measurements."""
    arguments = meter_lib.arguments(("--input", {"default": "arrays"}))
    for _ in range(arguments.repeats):
        _train(arguments)


def _train(arguments: argparse.Namespace) -> None:
    workload = WORKLOADS[arguments.workload]
    meter = meter_lib.Meter(arguments)
    import keras

    keras.utils.clear_session()
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy(POLICIES[arguments.precision])
    model = net(workload)
    model.compile(
        keras.optimizers.Adam(workload.learning_rate),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )

    class Clock(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            meter.stepped()

        def on_test_begin(self, logs=None):
            meter.trained()

        def on_test_end(self, logs=None):
            meter.evaluated()

        def on_epoch_end(self, epoch, logs=None):
            meter_lib.log(epoch, logs.values())

    history = model.fit(
        **inputs(workload, arguments.input),
        epochs=arguments.epochs,
        callbacks=[Clock()],
        verbose=0,
    )
    meter.write(history.history["val_accuracy"][-1])


def inputs(workload: Workload, kind: str) -> dict:
    """Returns the arguments of `fit` with the images."""
    if workload.photographs:
        return _photographs(workload)
    data = images(workload)
    if workload.net not in SCALING:
        data = scaled(data)
    make = {"arrays": _arrays, "tfdata": _pipelines}[kind]
    return make(data, workload)


def _arrays(data: dict, workload: Workload) -> dict:
    """Returns arguments of `fit` for arrays, for which it builds the pipeline."""
    validation = {
        "validation_data": (data["x_validation"], data["y_validation"]),
        "validation_batch_size": workload.batch_size,
    }
    if not workload.augment:
        x, y = data["x_train"], data["y_train"]
        return {"x": x, "y": y, "batch_size": workload.batch_size, **validation}
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    generator = ImageDataGenerator(
        rotation_range=20,
        width_shift_range=0.1,
        height_shift_range=0.1,
        shear_range=0.1,
        zoom_range=0.1,
        horizontal_flip=True,
        fill_mode="nearest",
    )
    flow = generator.flow(data["x_train"], data["y_train"], workload.batch_size)
    return {"x": flow, **validation}


def _photographs(workload: Workload) -> dict:
    """Returns arguments of `fit` for pipelines that read files."""
    import keras

    folder = pathlib.Path(tempfile.mkdtemp())
    write_photographs(workload, folder)
    crop = keras.Sequential(
        [
            keras.layers.ZeroPadding2D(CROP),
            keras.layers.RandomCrop(*workload.shape[:2]),
            keras.layers.RandomFlip("horizontal"),
        ]
    )

    def pipeline(name: str) -> object:
        dataset = keras.utils.image_dataset_from_directory(
            folder / name,
            image_size=workload.shape[:2],
            batch_size=None,
            shuffle=False,
            verbose=False,
        )
        if workload.photographs == "cached":
            dataset = dataset.cache()
        if name == "train":
            dataset = dataset.shuffle(workload.train)
        dataset = dataset.batch(workload.batch_size)
        if name == "train":
            dataset = dataset.map(lambda x, y: (crop(x, training=True), y))
        return dataset.prefetch(2).with_options(_no_autotuning())

    return {"x": pipeline("train"), "validation_data": pipeline("validation")}


def _no_autotuning() -> object:
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    return options


def _pipelines(data: dict, workload: Workload) -> dict:
    """Returns arguments of `fit` for pipelines without tf.data's autotuning."""
    import tensorflow as tf

    def pipeline(name: str) -> tf.data.Dataset:
        arrays = data[f"x_{name}"], data[f"y_{name}"]
        dataset = tf.data.Dataset.from_tensor_slices(arrays)
        if name == "train":
            dataset = dataset.shuffle(workload.train)
        dataset = dataset.batch(workload.batch_size)
        if name == "train" and workload.augment:
            layers = augmentation()
            dataset = dataset.map(lambda x, y: (layers(x, training=True), y))
        return dataset.prefetch(2).with_options(_no_autotuning())

    return {"x": pipeline("train"), "validation_data": pipeline("validation")}


if __name__ == "__main__":
    main()
