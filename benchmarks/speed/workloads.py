"""The workloads: four networks, each with images that it can learn.

Only NumPy is needed here, so that a peer can run under any interpreter.
"""

from __future__ import annotations

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Workload:
    """A network and its data.

    Attributes:
        about: What it is, in a few words.
        shape: Height, width and channels of an image.
        classes: How many.
        train: Images of an epoch.
        validation: Images of an evaluation.
        filters: Of each convolution, with ReLU and pooling; none for ResNet-20.
        dense: Units of the dense layer.
        dropout: The fraction of them that is dropped.
        batch_size: Images per step.
        learning_rate: Of Adam.
        augment: Whether with the seed article's augmentation: rotation by 20 degrees,
            shifts, shear and zoom of .1, and flips.
        megaflops: Of an image in training, in convolutions and dense layers only: two
            for each multiplication, forward, and by weights and inputs backward.
    """

    about: str
    shape: tuple[int, int, int]
    classes: int
    train: int
    validation: int
    filters: tuple[int, ...]
    dense: int
    dropout: float
    batch_size: int
    learning_rate: float
    augment: bool
    megaflops: float


_FIRST = Workload(
    about="the seed article's first net, 64x64x3",
    shape=(64, 64, 3),
    classes=5,
    train=1000,
    validation=200,
    filters=(32, 64),
    dense=128,
    dropout=0.0,
    batch_size=32,
    learning_rate=1e-3,
    augment=False,
    megaflops=115.94,
)
_TINY = Workload(
    about="a tiny net, 8x8x1: all dispatch",
    shape=(8, 8, 1),
    classes=10,
    train=1437,
    validation=360,
    filters=(16,),
    dense=32,
    dropout=0.0,
    batch_size=32,
    learning_rate=1e-3,
    augment=False,
    megaflops=0.05,
)
WORKLOADS = {
    "W1": _FIRST,
    "W2": dataclasses.replace(
        _FIRST,
        about="the seed article's second net, with its augmentation",
        filters=(32, 64, 128),
        dense=256,
        dropout=0.5,
        learning_rate=5e-4,
        augment=True,
        megaflops=177.15,
    ),
    "W3": Workload(
        about="ResNet-20, 32x32x3",
        shape=(32, 32, 3),
        classes=10,
        train=1280,
        validation=256,
        filters=(),
        dense=0,
        dropout=0.0,
        batch_size=128,
        learning_rate=1e-3,
        augment=False,
        megaflops=244.0,
    ),
    "W4": _TINY,
    "W4L": dataclasses.replace(
        _TINY, about="the same, epochs of a second", train=20 * 1437
    ),
}


def images(workload: Workload) -> dict[str, np.ndarray]:
    """Returns blurred patterns, one a class, under noise: uint8 images, int32 labels.

    Returns:
        x_train, y_train, x_validation and y_validation.
    """
    generator = np.random.Generator(np.random.PCG64(0))
    height, width, channels = workload.shape
    coarse = generator.normal(
        0, 40, (workload.classes, height // 4, width // 4, channels)
    )
    patterns = np.kron(coarse, np.ones((1, 4, 4, 1)))
    arrays = {}
    for name in ("train", "validation"):
        count = getattr(workload, name)
        labels = generator.permutation(
            np.arange(count, dtype=np.int32) % workload.classes
        )
        noise = generator.normal(128, 50, (count, *workload.shape))
        arrays[f"x_{name}"] = (patterns[labels] + noise).clip(0, 255).astype(np.uint8)
        arrays[f"y_{name}"] = labels
    return arrays


def scaled(data: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Returns the images as float32 from 0 to 1, as in the tutorials."""
    return {
        name: values.astype(np.float32) / 255 if name.startswith("x_") else values
        for name, values in data.items()
    }
