"""A hundred sound programs on real images: four kinds, five networks, five trainings.

All combinations of `KINDS`, the networks of a kind and `TRAININGS` are there. A program
is sound because each of its parts is a usual one for such images; that it is shows in
its accuracy, which must not be below that of a linear probe on the same images.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence

import keras
import numpy as np
from sklearn import datasets, linear_model

from benchmarks.zoo import jobs, train
from benchmarks.zoo.cases.case import Case, Program, Run
from benchmarks.zoo.cases.data import Data, digits, fashion, rng
from benchmarks.zoo.cases.public import images as public_images
from benchmarks.zoo.cases.report import nets
from benchmarks.zoo.cases.report.plan import (
    Plan,
    adam,
    centred,
    falling,
    rmsprop,
    sgd,
    symmetric,
    unit,
)
from framework.config import Config
from framework.data.dataset import Dataset
from framework.data.split import Split
from framework.errors import UsageError

layers = keras.layers
Layers = Callable[[], list[keras.layers.Layer]]


@dataclasses.dataclass(frozen=True)
class Kind:
    """Real images of one kind.

    Attributes:
        data: The images of a seed.
        networks: Of Keras, by name.
        models: For runs of this framework: the same choice in its own grammar.
        augmentation: The usual one for such images, as Keras layers.
        augment: The same in this framework's grammar.
        epochs: How long a training takes.
        always: Whether trainings without augmentation would overfit, as they do on
            1,600 photographs.
    """

    data: Callable[[int], Data]
    networks: Mapping[str, nets.Net]
    models: Sequence[str]
    augmentation: Layers
    augment: str
    epochs: int
    always: bool = False


@dataclasses.dataclass(frozen=True)
class Training:
    """A way to train.

    Attributes:
        optimizer: Makes the optimizer, for a number of steps.
        scale: What is done to pixels.
        batch: Images in a step.
        feed: One of `benchmarks.zoo.cases.recipe.FEEDS`.
        augmented: Whether images are augmented.
        fraction: Of the training images, how many are used.
    """

    optimizer: Callable[[int], Callable[[], keras.optimizers.Optimizer]]
    scale: Callable[[Data], Data] = unit
    batch: int = 32
    feed: str = "arrays"
    augmented: bool = False
    fraction: float = 1.0


@functools.lru_cache(maxsize=2)
def clothes(seed: int) -> Data:
    """A part of Fashion-MNIST, 14x14."""
    return public_images.smaller(fashion(seed + 300, 2000, 500), 2)


@functools.lru_cache(maxsize=2)
def flowers(seed: int) -> Data:
    """Photographs of flowers, 24x24."""
    return public_images.photographs(seed + 30, 1600, 500)


@functools.lru_cache(maxsize=2)
def patches(seed: int, size: int = 16) -> Data:
    """Squares of scikit-learn's two sample photographs; the class is the photograph.

    No two overlap. There are but two photographs, of a temple and of a flower: the
    images are real, and less varied than those of other data sets.
    """
    squares, labels = [], []
    for label, picture in enumerate(datasets.load_sample_images().images):
        rows, columns = (length // size for length in picture.shape[:2])
        whole = picture[: rows * size, : columns * size]
        whole = whole.reshape(rows, size, columns, size, 3).swapaxes(1, 2)
        squares.append(whole.reshape(-1, size, size, 3).astype(np.float32))
        labels.append(np.full(rows * columns, label, np.int32))
    x, y = np.concatenate(squares), np.concatenate(labels)
    first, second, third = np.split(rng(seed).permutation(len(y)), [1100, 1500])
    return Data(x[first], y[first], x[second], y[second], x[third], y[third], classes=2)


_DENSE: Mapping[str, nets.Net] = {
    "dense": nets.dense((64,)),
    "dense, dropout": nets.dense((128, 64), dropout=0.3),
}
_CONVOLUTIONS: Mapping[str, nets.Net] = {
    "strided": nets.strided(),
    "strided, dropout": nets.strided(dropout=0.3),
    "residual": nets.residual(),
}
_MODELS = (
    "mlp(units=(64,))",
    "mlp(units=(128, 64))",
    "cnn(filters=(16, 32), dense=48, padding='same')",
    "cnn(filters=(16, 32), dense=48, dropout=.3, padding='same')",
    "cnn(filters=(16, 32, 32), dense=48, padding='same')",
)
KINDS: Mapping[str, Kind] = {
    "digits": Kind(
        digits,
        _DENSE | _CONVOLUTIONS,
        _MODELS,
        lambda: [layers.RandomTranslation(0.1, 0.1, "nearest")],
        "shift(.1)",
        epochs=25,
    ),
    "clothes": Kind(
        clothes,
        _DENSE | _CONVOLUTIONS,
        _MODELS,
        lambda: [layers.RandomFlip("horizontal")],
        "flip",
        epochs=20,
    ),
    # Dense layers are not for photographs of things at any place.
    "flowers": Kind(
        flowers,
        _CONVOLUTIONS
        | {
            "strided, layer norm": nets.strided(norm="layer"),
            "strided, wide": nets.strided(filters=(24, 48), units=64, dropout=0.3),
        },
        (
            *_MODELS[2:],
            "cnn(filters=(24, 48), dense=64, dropout=.3, padding='same')",
            "cnn(filters=(16, 32, 64), dense=64, dropout=.3, padding='same')",
        ),
        lambda: [
            layers.RandomFlip("horizontal"),
            layers.RandomTranslation(0.1, 0.1, "reflect"),
            layers.RandomZoom(0.1, fill_mode="reflect"),
        ],
        "flip + shift(.1) + zoom(.1)",
        epochs=30,
        always=True,
    ),
    "patches": Kind(
        patches,
        _DENSE | _CONVOLUTIONS,
        _MODELS,
        lambda: [layers.RandomFlip("horizontal")],
        "flip",
        epochs=20,
    ),
}
TRAININGS: Mapping[str, Training] = {
    "Adam": Training(lambda steps: adam(1e-3)),
    "momentum, augmented": Training(
        lambda steps: sgd(0.02, 0.9),
        scale=centred,
        batch=64,
        feed="dataset",
        augmented=True,
    ),
    "Adam, cosine": Training(
        lambda steps: falling(3e-3, steps), scale=symmetric, feed="sequence"
    ),
    "RMSprop, fewer images, augmented": Training(
        lambda steps: rmsprop(1e-3), batch=16, augmented=True, fraction=0.75
    ),
}
# Less than the probe has, by more than this, is not sound. The standard error of an
# accuracy of .8 of 1,000 test images is .013.
MARGIN = 0.02
# The fifth training: a run of this framework.
RUN = "run"
_HERE = "benchmarks.zoo.sound_programs:images"


def images(kind: str, seed: int = 0) -> Dataset:
    """The images of a kind as a data set of this framework."""
    data = KINDS[kind].data(seed)
    splits = [
        Split(np.round(x).astype(np.uint8), y.astype(np.int32))
        for x, y in ((data.x, data.y), (data.vx, data.vy))
    ]
    return Dataset(
        kind, *splits, tuple(f"class {label}" for label in range(data.classes))
    )


def _program(kind: Kind, net: nets.Net, training: Training, seed: int) -> Program:
    data = kind.data(seed)
    count = int(training.fraction * len(data.y))
    data = data.but(x=data.x[:count], y=data.y[:count])

    def augmented(shape: tuple[int, ...], classes: int) -> keras.Model:
        network = net(shape, classes)
        if not (training.augmented or kind.always):
            return network
        return keras.Sequential([keras.Input(shape), *kind.augmentation(), network])

    steps = kind.epochs * -(-count // training.batch)
    plan = Plan(
        lambda seed: data,
        augmented,
        scale=training.scale,
        optimizer=training.optimizer(steps),
        epochs=kind.epochs,
        batch=training.batch,
        feed=training.feed,
    )
    return plan.program(seed)


def _run(name: str, model: str, seed: int) -> Run:
    kind = KINDS[name]
    config = Config(
        dataset=f"{_HERE}({name!r}, seed={seed})",
        model=model,
        augment=kind.augment,
        optimizer="adam",
        learning_rate=2e-3,
        schedule="warmup(5%) + cosine",
        train_for=f"{kind.epochs}ep",
        checkpoint_every="100%",
        seed=seed,
    )

    def test() -> Split:
        data = kind.data(seed)
        return Split(np.round(data.tx).astype(np.uint8), data.ty.astype(np.int32))

    return Run(config, test)


def case(name: str, network: int, training: str) -> Case:
    """Returns the case of a kind, the index of its network, and a training."""
    kind = KINDS[name]
    if training == RUN:
        model = kind.models[network]
        return Case(
            f"{name}: {model}, {RUN}",
            "recipe",
            name,
            (),
            lambda seed, broken: _run(name, model, seed),
        )
    label, net = list(kind.networks.items())[network]
    return Case(
        f"{name}: {label}; {training}",
        "recipe",
        name,
        (),
        lambda seed, broken: _program(kind, net, TRAININGS[training], seed),
    )


def available() -> list[str]:
    """Returns the kinds whose images are at hand; reads them."""
    found = []
    for name, kind in KINDS.items():
        try:
            kind.data(0)
        except UsageError:
            continue
        found.append(name)
    return found


def cases(names: Sequence[str]) -> dict[str, Case]:
    """Returns the cases of some kinds by name, 25 a kind, in a mixed order.

    The order is the same each time. The first twenty hold each kind, network and
    training several times, so that the first lines of a long count are of all kinds.
    """
    ways = (*TRAININGS, RUN)
    found = {}
    for shift in range(len(ways)):
        for network in range(len(ways)):
            for offset, name in enumerate(names):
                each = case(name, network, ways[(network + offset + shift) % len(ways)])
                found[each.name] = each
    return found


@functools.lru_cache(maxsize=8)
def probe(name: str, seed: int) -> float:
    """Returns the test accuracy of a linear model of the pixels of a kind."""
    data = unit(KINDS[name].data(seed))
    pixels, test = (each.reshape(len(each), -1) for each in (data.x, data.tx))
    model = linear_model.LogisticRegression(C=0.1, max_iter=300).fit(pixels, data.y)
    return float(model.score(test, data.ty))


def measure(case: Case, seed: int) -> jobs.Line:
    """Trains a program, and diagnoses it if it is not worse than the linear probe.

    Returns:
        The name and the seed, the test "accuracy" beside that of the "probe", the
        "training_seconds", and the line of the diagnosis; or "error".
    """
    found = {"case": case.name, "seed": seed}

    def trained() -> jobs.Line:
        with train.alone(seed):
            accuracy = train.train(case.make(seed, True)).accuracy
        return {"accuracy": accuracy}

    line = jobs.guarded(trained)
    if "error" in line:
        return found | line
    found |= {"accuracy": line["accuracy"], "training_seconds": line["seconds"]}
    found |= {"probe": probe(case.data, seed)}
    if found["accuracy"] < found["probe"] - MARGIN:
        return found
    return found | jobs.guarded(lambda: jobs.diagnosed(case, seed))
