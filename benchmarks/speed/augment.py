"""Compares the augmentation speed of Whyflat and Keras, in images per second.

    python -m benchmarks.speed.augment
    taskset -c 0 python -m benchmarks.speed.augment --augment=randaugment

The policy is the seed article's: rotation 20, shifts .1, shear .1, zoom .1, flip.
Each contestant does the same batch in turn, round after round, so that all of them see
the machine at the same speed. Ratios are to `ImageDataGenerator` in the same round:
their median and quartiles.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
from absl import app, flags

_AUGMENT = flags.DEFINE_string(
    "augment",
    "rotate(20) + shift(.1) + shear(.1) + zoom(.1) + flip",
    "Augmentation to measure, such as randaugment.",
)
_SIZE = flags.DEFINE_integer("size", 64, "Side of the images, in pixels.")
_BATCH = flags.DEFINE_integer("batch_size", 128, "Images per batch, such as 128.")
_ROUNDS = flags.DEFINE_integer(
    "rounds", 15, "Number of measured batches of each contestant, such as 15."
)


def contestants(images: np.ndarray) -> dict[str, Callable[[int], object]]:
    """Returns functions that augment the batch of a number, by name."""
    import keras
    import tensorflow as tf

    from framework import augment
    from framework.augment import geometry
    from framework.numerics.draws import Draws

    count, size = images.shape[:2]
    tensor = tf.constant(images)
    policy = augment.build(_AUGMENT.value)

    def ours(step: tf.Tensor) -> tf.Tensor:
        draws = Draws(0, step, tf.constant(0, tf.int64), count)
        augmented = policy(tensor, draws, count)
        if policy.has_mix:
            augmented, _ = policy.mix(augmented, draws, tf.fill([count], True))
        return augmented

    def bare(step: tf.Tensor) -> tf.Tensor:
        """Applies TensorFlow's own kernel to given matrices."""
        angle = tf.cast(step, tf.float32) * 1e-3 + tf.zeros(count)
        matrices = geometry.with_corner_origin(geometry.rotation(angle), size, size)
        flat = tf.concat([tf.reshape(matrices, [count, 6]), tf.zeros([count, 2])], 1)
        return tf.raw_ops.ImageProjectiveTransformV3(
            images=tf.cast(tensor, tf.float32),
            transforms=flat,
            output_shape=[size, size],
            fill_value=0.0,
            interpolation="BILINEAR",
            fill_mode="NEAREST",
        )

    layers = keras.Sequential(
        [
            keras.layers.RandomFlip("horizontal"),
            keras.layers.RandomRotation(20 / 360, fill_mode="nearest"),
            keras.layers.RandomTranslation(0.1, 0.1, fill_mode="nearest"),
            keras.layers.RandomShear(0.1, fill_mode="nearest"),
            keras.layers.RandomZoom(0.1, 0.1, fill_mode="nearest"),
        ]
    )
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
    flow = generator.flow(images.astype(np.float32), batch_size=count, shuffle=False)
    graph = tf.function(ours, autograph=False)
    whole = tf.function(ours, autograph=False, jit_compile=True)
    kernel = tf.function(bare, autograph=False)
    stack = tf.function(lambda x: layers(x, training=True), autograph=False)

    def step(number: int) -> tf.Tensor:
        return tf.constant(number, tf.int64)

    return {
        "ImageDataGenerator": lambda number: next(flow),
        "Keras layers": lambda number: stack(tensor).numpy(),
        "ImageProjectiveTransformV3 alone": lambda number: kernel(step(number)).numpy(),
        "ours, in a graph": lambda number: graph(step(number)).numpy(),
        "ours, all under XLA": lambda number: whole(step(number)).numpy(),
    }


def main(_: list[str]) -> None:
    """Prints a table."""
    shape = (_BATCH.value, _SIZE.value, _SIZE.value, 3)
    images = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    makers = contestants(images)
    seconds: dict[str, list[float]] = {name: [] for name in makers}
    for number in range(_ROUNDS.value + 1):
        for name, make in makers.items():
            start = time.perf_counter()
            make(number)
            seconds[name].append(time.perf_counter() - start)
    # The first batch of each is traced and compiled.
    print(f"{'':34}{'images/s':>10}{'ratio':>8}{'from':>8}{'to':>8}{'first s':>9}")
    for name, (first, *others) in seconds.items():
        ratios = [
            keras / ours
            for keras, ours in zip(
                seconds["ImageDataGenerator"][1:], others, strict=True
            )
        ]
        low, middle, high = np.quantile(ratios, (0.25, 0.5, 0.75))
        median = statistics.median(others)
        print(
            f"{name:34}{len(images) / median:10,.0f}{middle:8.2f}"
            f"{low:8.2f}{high:8.2f}{first:9.2f}"
        )


if __name__ == "__main__":
    app.run(main)
