"""Small runs, each with one feature that may depend on the number of devices.

    python -m benchmarks.speed.cases mirrored 4 out.npz dropout everything

trains some of them on 4 devices, and writes their weights. With --shards=8 before the
names, a batch has that many shards.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from framework.config import Config
from framework.data.dataset import Dataset
from framework.data.split import Split
from framework.launch import components, invariance

SHAPE, CLASSES, BATCH = (8, 8, 3), 3, 16
_SHARDS = "--shards="
EPOCHS = 7

# Activations are smooth: a kink magnifies the rounding of whatever comes near it.
BASE = Config(
    dataset="digits",
    train_dev=0.0,
    model="benchmarks.speed.cases:net",
    optimizer="sgd(momentum=.9)",
    learning_rate=0.02,
    batch_size=BATCH,
    train_for=f"{EPOCHS}ep",
    log_every="100%",
)


@dataclasses.dataclass(frozen=True)
class Case:
    """A run.

    Attributes:
        changes: In which fields its config differs from `BASE`.
        examples: How many images there are to train on.
        outlier: Whether one of them is so bright that its gradient overflows float16.
    """

    changes: dict[str, Any]
    examples: int = 5 * BATCH
    outlier: bool = False

    @property
    def config(self) -> Config:
        """The configuration of the run."""
        return dataclasses.replace(BASE, **self.changes)


_AUGMENT = "rotate(20) + shift(.1) + shear(.1) + zoom(.1) + flip + brightness(.2)"
_PLATEAU = "plateau('validation/loss', factor=.5, patience=1, abs=.1)"
_EVERYTHING = {
    "model": "benchmarks.speed.cases:net(dropout=.3, batch_norm=True)",
    "augment": _AUGMENT,
    "clip_norm": 0.5,
    "ema": 0.9,
    "label_smoothing": 0.1,
    "accumulate": 2,
    "schedule": f"(warmup(10%) + cosine) * {_PLATEAU}",
    "optimizer": "sgd(momentum=.9, weight_decay=.01)",
}
# Fewer than fill the last batch of an epoch.
_RAGGED = 5 * BATCH + 5

CASES: dict[str, Case] = {
    "nothing special": Case({}),
    "dropout": Case({"model": "benchmarks.speed.cases:net(dropout=.3)"}),
    "augmentation": Case({"augment": _AUGMENT}),
    "batch norm": Case({"model": "benchmarks.speed.cases:net(batch_norm=True)"}),
    "clipping": Case({"clip_norm": 0.5}),
    "average of weights": Case({"ema": 0.9}),
    "label smoothing": Case({"label_smoothing": 0.1}),
    "accumulation": Case({"accumulate": 2}),
    "ragged last batch": Case({}, _RAGGED),
    "plateau": Case({"schedule": _PLATEAU}),
    "weight decay": Case({"optimizer": "sgd(momentum=.9, weight_decay=.01)"}),
    "mixup and CutMix": Case({"augment": "mixup(.4) + cutmix(p=.5)"}),
    "policies": Case({"augment": "randaugment + erase"}),
    "adam": Case({"optimizer": "adam", "learning_rate": 0.003}),
    "bfloat16": Case({"precision": "bfloat16"}),
    "float16": Case({"precision": "float16"}),
    "float16, overflow": Case(
        {
            "precision": "float16",
            "normalize": "none",
            "clip_norm": 0.5,
            # Its gradient grows with the image; that of a tanh would vanish.
            "model": "mlp(units=(8,))",
        },
        outlier=True,
    ),
    "everything": Case(_EVERYTHING, _RAGGED),
    "everything, bfloat16": Case(_EVERYTHING | {"precision": "bfloat16"}, _RAGGED),
    "everything, float16": Case(
        _EVERYTHING | {"precision": "float16", "normalize": "none"}, _RAGGED, True
    ),
}


def dataset(case: Case) -> Dataset:
    """Returns images of noise; each class has its own tint and brightness."""
    generator = np.random.Generator(np.random.PCG64(0))

    def split(count: int) -> Split:
        labels = np.arange(count, dtype=np.int32) % CLASSES
        tints = (
            np.eye(CLASSES)[labels][:, None, None] * 60
            + 20 * labels[:, None, None, None]
        )
        images = generator.normal(80 + tints, 40, (count, *SHAPE)).clip(0, 255)
        if not case.outlier:
            return Split(images.astype(np.uint8), labels)
        images = (images / 255).astype(np.float32)
        images[count // 2] *= 1000
        return Split(images, labels)

    names = tuple(map(str, range(CLASSES)))
    return Dataset("tints", split(case.examples), split(30), names)


def net(
    image_shape: tuple[int, int, int],
    num_classes: int,
    dropout: float = 0.0,
    batch_norm: bool = False,
) -> keras.Model:
    """Builds a small convolutional net with smooth activations."""
    from framework.models import layers

    inputs = keras.Input(image_shape)
    features = keras.layers.Conv2D(4, 3, use_bias=not batch_norm)(inputs)
    if batch_norm:
        features = layers.batch_norm()(features)
    features = keras.layers.Activation("tanh")(features)
    features = keras.layers.AveragePooling2D(2)(features)
    features = keras.layers.Flatten()(features)
    features = keras.layers.Dense(8, activation="tanh")(features)
    if dropout:
        features = layers.Dropout(dropout)(features)
    logits = keras.layers.Dense(num_classes, dtype="float32")(features)
    return keras.Model(inputs, logits)


def train(
    name: str, strategy: str = "default", devices: int = 0, **changes: Any
) -> dict[str, np.ndarray]:
    """Trains a case, and returns all changed variables by name.

    Args:
        name: Of the case.
        strategy: How devices share the work.
        devices: How many.
        **changes: Of further fields of the config.
    """
    case = CASES[name]
    changes = {"strategy": strategy, "devices": devices, **changes}
    if changes.get("shards"):
        # Shards are computed one after another as well.
        changes["accumulate"] = 1
    config = dataclasses.replace(case.config, **changes)
    built = components.build(config, None, dataset(case), lambda done, total: None)
    return invariance.train(built, config.steps_per_call or 100)


def main(arguments: Sequence[str]) -> None:
    """Trains cases, and writes their variables, named case:variable."""
    strategy, devices, path, *names = arguments
    changes = {}
    if names[0].startswith(_SHARDS):
        changes["shards"] = int(names.pop(0).removeprefix(_SHARDS))
    weights = {
        f"{name}:{variable}": value
        for name in names
        for variable, value in train(name, strategy, int(devices), **changes).items()
    }
    np.savez(path, **weights)


if __name__ == "__main__":
    main(sys.argv[1:])
