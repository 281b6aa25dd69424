"""The workloads: networks, each with images that it can learn.

Only NumPy is needed here, so that a peer can run under any interpreter.
"""

from __future__ import annotations

import dataclasses
import pathlib

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
        filters: Of each convolution of a "cnn", with ReLU and pooling.
        dense: Units of its dense layer.
        dropout: The fraction of them that is dropped.
        batch_size: Images per step.
        learning_rate: Of Adam.
        augment: Whether with the seed article's augmentation: rotation by 20 degrees,
            shifts, shear and zoom of .1, and flips.
        megaflops: Of an image in training, in convolutions and dense layers only: two
            for each multiplication, forward, and by weights and inputs backward; 0 if
            it has not been counted.
        net: One of `NETS`.
        base: The input of Keras's `fit` that others are compared to: "arrays", or
            "tfdata", its documented way for larger data.
        photographs: Where images come from: "" for arrays; JPEG files, decoded for each
            batch ("streamed") or once ("cached").
        measures_evaluation: Whether an epoch's evaluation is a part of what is timed.
        is_short: Whether an epoch is a few steps only. Then what this framework does
            once an epoch besides is not timed: it would be a large part of such an
            epoch, and is a small one of a usual one.
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
    net: str = "cnn"
    base: str = "arrays"
    photographs: str = ""
    measures_evaluation: bool = False
    is_short: bool = False

    @property
    def images(self) -> int:
        """The images of what is timed of an epoch."""
        return self.train + self.validation * self.measures_evaluation


NETS = ("cnn", "resnet20", "mobilenet_v2", "efficientnet_b0", "vit", "resnet50")
# Their first layer scales pixels from 0 to 255.
SCALING = ("mobilenet_v2", "efficientnet_b0", "resnet50")
# By how many pixels photographs are shifted at most, by a random crop after padding.
CROP = 16

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
_RESNET = Workload(
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
    net="resnet20",
)
_MOBILE = dataclasses.replace(
    _RESNET,
    about="MobileNetV2, all layers fine-tuned, 96x96x3",
    shape=(96, 96, 3),
    train=128,
    validation=32,
    batch_size=32,
    learning_rate=1e-4,
    megaflops=0.0,
    net="mobilenet_v2",
    base="tfdata",
    is_short=True,
)
_SMALL = {"train": 32, "validation": 16, "batch_size": 16}
_EFFICIENT = dataclasses.replace(
    _MOBILE,
    about="EfficientNet-B0, all layers fine-tuned, 96x96x3",
    net="efficientnet_b0",
)
_PHOTOGRAPHS = dataclasses.replace(
    _MOBILE,
    about="ResNet-50, JPEG files of 320x256, decoded to 224x224, cropped and flipped",
    shape=(224, 224, 3),
    classes=4,
    train=24,
    validation=8,
    batch_size=8,
    net="resnet50",
    photographs="streamed",
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
    "W3": _RESNET,
    "W4": _TINY,
    "W4L": dataclasses.replace(
        _TINY, about="the same, epochs of a second", train=20 * 1437
    ),
    "W5M": _MOBILE,
    "W5ML": dataclasses.replace(
        _MOBILE, about="as W5M, 224x224x3", shape=(224, 224, 3), **_SMALL
    ),
    "W5E": _EFFICIENT,
    "W5EL": dataclasses.replace(
        _EFFICIENT, about="as W5E, 224x224x3", shape=(224, 224, 3), **_SMALL
    ),
    "W6": dataclasses.replace(
        _MOBILE,
        about="a vision transformer: 64 patches of 4x4, 6 blocks of width 192, 3 heads",
        shape=(32, 32, 3),
        train=512,
        validation=128,
        batch_size=64,
        net="vit",
    ),
    "W7": _PHOTOGRAPHS,
    "W7C": dataclasses.replace(
        _PHOTOGRAPHS, about="as W7, files decoded once", photographs="cached"
    ),
    "W8": dataclasses.replace(
        _RESNET,
        about="ResNet-20, 1,000 classes, evaluated on 8 times the training images",
        classes=1000,
        train=1024,
        validation=8192,
        megaflops=0.0,
        base="tfdata",
        measures_evaluation=True,
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


def write_photographs(workload: Workload, folder: pathlib.Path) -> None:
    """Writes the images as JPEG files of 320x256, in a folder for each class.

    Args:
        workload: Of photographs.
        folder: Gets the folders `train` and `validation`.
    """
    from PIL import Image

    generator = np.random.Generator(np.random.PCG64(0))
    size = (320, 256)
    coarse = generator.integers(0, 256, (workload.classes, 16, 20, 3), np.uint8)
    patterns = [
        Image.fromarray(each).resize(size, Image.Resampling.BICUBIC) for each in coarse
    ]
    for name in ("train", "validation"):
        for index in range(getattr(workload, name)):
            label = index % workload.classes
            noise = generator.normal(0, 20, (size[1], size[0], 3))
            pixels = (patterns[label] + noise).clip(0, 255).astype(np.uint8)
            path = folder / name / f"class {label}" / f"{index}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path, quality=90)


def scaled(data: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Returns the images as float32 from 0 to 1, as in the tutorials."""
    return {
        name: values.astype(np.float32) / 255 if name.startswith("x_") else values
        for name, values in data.items()
    }
