"""The cases of benchmarks/speed/cases.py as a user of Keras's `fit` would write them.

Nets, data, their order, batches and lengths are those of `cases`; dropout, batch norm,
augmentation and the optimizer are Keras's own, each as its manual has it.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator

import keras
import numpy as np
import tensorflow as tf

from benchmarks.speed import cases
from framework.config import Config

_SEED = 0


def train(name: str, strategy: tf.distribute.Strategy) -> dict[str, np.ndarray]:
    """Trains a case by `fit`, and returns the weights by their place.

    Args:
        name: Of the case.
        strategy: Whose devices share the work.
    """
    case = cases.CASES[name]
    config, data = case.config, cases.dataset(case)
    keras.utils.set_random_seed(_SEED)
    # `fit` counts the parts of an accumulated batch as batches.
    config = _expressible(name, config)
    size = config.batch_size // config.accumulate
    train, validation = (
        _batches(split, size) for split in (data.train, data.validation)
    )
    with strategy.scope(), _policy(config.precision):
        model = _model(config, data.train.images)
        loss = keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=config.label_smoothing
        )
        model.compile(_optimizer(config), loss)
    if "mixup" in config.augment:
        train = train.map(_mixed())
    model.fit(
        train,
        validation_data=validation,
        epochs=cases.EPOCHS,
        shuffle=False,
        verbose=0,
        callbacks=_callbacks(config),
    )
    return {
        f"model/{place}": weight.numpy()
        for place, weight in enumerate(model.weights)
        if "seed_generator" not in weight.path
    }


def _expressible(name: str, config: Config) -> Config:
    """Leaves out accumulation with other features: it fails on several devices."""
    if name.startswith("everything"):
        return dataclasses.replace(config, accumulate=1)
    return config


@contextlib.contextmanager
def _policy(precision: str) -> Iterator[None]:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(
        precision if precision == "float32" else f"mixed_{precision}"
    )
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _batches(split: cases.Split, size: int) -> tf.data.Dataset:
    labels = np.eye(cases.CLASSES, dtype=np.float32)[split.labels]
    arrays = split.images.astype(np.float32), labels
    return tf.data.Dataset.from_tensor_slices(arrays).batch(size)


def _model(config: Config, images: np.ndarray) -> keras.Model:
    """Returns the net with augmentation and scaling in front of it."""
    inputs = features = keras.Input(cases.SHAPE)
    for layer in _augmentation(config.augment):
        features = layer(features)
    if config.normalize != "none":
        axes = (0, 1, 2)
        scaling = keras.layers.Normalization(
            mean=images.mean(axes), variance=images.var(axes)
        )
        features = scaling(features)
    if config.model.startswith("mlp"):
        features = keras.layers.Flatten()(features)
        features = keras.layers.Dense(8, activation="relu")(features)
    else:
        features = _net(features, "dropout" in config.model, "norm" in config.model)
    logits = keras.layers.Dense(cases.CLASSES, dtype="float32")(features)
    return keras.Model(inputs, logits)


def _net(features: keras.KerasTensor, dropout: bool, norm: bool) -> keras.KerasTensor:
    features = keras.layers.Conv2D(4, 3, use_bias=not norm)(features)
    if norm:
        features = keras.layers.BatchNormalization(synchronized=True)(features)
    features = keras.layers.Activation("tanh")(features)
    features = keras.layers.AveragePooling2D(2)(features)
    features = keras.layers.Flatten()(features)
    features = keras.layers.Dense(8, activation="tanh")(features)
    return keras.layers.Dropout(0.3)(features) if dropout else features


def _augmentation(text: str) -> list[keras.layers.Layer]:
    layers = keras.layers
    if "rotate" in text:
        return [
            layers.RandomRotation(20 / 360),
            layers.RandomTranslation(0.1, 0.1),
            layers.RandomShear(0.1, 0.1),
            layers.RandomZoom(0.1),
            layers.RandomFlip("horizontal"),
            layers.RandomBrightness(0.2),
        ]
    if "randaugment" in text:
        return [layers.RandAugment(), layers.RandomErasing()]
    return []


Mixing = Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


def _mixed() -> Mixing:
    """Returns a function that mixes a batch, before it is divided among devices."""
    layers = [keras.layers.MixUp(0.4, seed=_SEED), keras.layers.CutMix(seed=_SEED)]

    def mixed(images, labels):
        batch = {"images": images, "labels": labels}
        for layer in layers:
            batch = layer(batch, training=True)
        return batch["images"], batch["labels"]

    return mixed


def _optimizer(config: Config) -> keras.optimizers.Optimizer:
    options = {
        "global_clipnorm": config.clip_norm or None,
        "use_ema": config.ema > 0,
        "ema_momentum": config.ema or 0.99,
        "weight_decay": 0.01 if "weight_decay" in config.optimizer else None,
    }
    if config.accumulate > 1:
        options["gradient_accumulation_steps"] = config.accumulate
    if config.optimizer == "adam":
        return keras.optimizers.Adam(config.learning_rate, **options)
    return keras.optimizers.SGD(config.learning_rate, momentum=0.9, **options)


def _callbacks(config: Config) -> list[keras.callbacks.Callback]:
    if "plateau" not in config.schedule:
        return []
    plateau = keras.callbacks.ReduceLROnPlateau(
        "val_loss", factor=0.5, patience=1, min_delta=0.1
    )
    return [plateau]
