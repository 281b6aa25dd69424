"""Drawn flowers: a data set that needs no files, with faults to plant.

Each kind of random number comes from a stream of its own, and each picture takes the
same place in every stream whatever the other arguments are. So a larger set begins
with the smaller one, another light shows the same flowers, and wrong labels stand
beside the same pictures.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from framework.data import flower, scene
from framework.data.dataset import Dataset, Split
from framework.errors import UsageError

# The two species that `mislabelled` confuses: those of the first become the second.
MISLABELLED = ("dandelion", "sunflower")

_SPLITS = ("train", "validation")
# A new stream goes to the end, so that the others stay what they are.
_STREAMS = (
    "species",
    "form",
    "ground",
    "light",
    "temperature",
    "angle",
    "scale",
    "position",
    "blur",
    "sensor",
    "wrong",
    "other",
    "mislabelled",
    "duplicate",
    "shake",
)
# Each so many examples hold their exact share of every class and of every fault.
_BLOCK = 100
# How far a duplicate moves at most, as a part of the size: a third of a pixel of 64.
_SHAKE = 0.005
_RANGES = {
    "train": (1, math.inf),
    "validation": (1, math.inf),
    "size": (16, 512),
    "seed": (0, 2**64 - 1),
    "light": (0, 8),
    "temperature": (0, 4),
    "angle": (0, 180),
    "scale": (0, 0.9),
    "position": (0, 0.5),
    "background": (0, 1),
    "blur": (0, 16),
    "noise": (0, 128),
    "label_noise": (0, 1),
    "mislabelled": (0, 1),
    "imbalance": (1, 1000),
    "duplicates": (0, 1),
}
_WHOLE = ("train", "validation", "size", "seed")


@dataclasses.dataclass(frozen=True)
class Conditions:
    """How much the pictures of a split differ, apart from their flowers.

    Attributes:
        light: Up to so many stops brighter or darker; a stop doubles the values.
        temperature: Up to so many stops warmer or cooler in red against green, and as
            much the other way in blue.
        angle: Up to so many degrees turned to either side.
        scale: Up to so much larger or smaller, as a part of the usual size.
        position: Up to so far from the middle, as a part of the image's size.
        background: From 0, one plain green, to 1, any tone and texture.
        blur: Up to so many pixels of standard deviation.
        noise: Standard deviation of the sensor's noise, in levels of 255.
    """

    light: float
    temperature: float
    angle: float
    scale: float
    position: float
    background: float
    blur: float
    noise: float


@dataclasses.dataclass(frozen=True)
class _Source:
    """Where the random numbers of a split come from."""

    seed: int
    split: str

    def stream(self, name: str) -> np.random.Generator:
        """Returns the stream of one concern, from its beginning."""
        number = len(_SPLITS) * _STREAMS.index(name) + _SPLITS.index(self.split)
        key = np.array([self.seed, number], np.uint64)
        return np.random.Generator(np.random.Philox(key=key))


def drawn_flowers(
    train: int = 2000,
    validation: int = 500,
    size: int = 64,
    seed: int = 0,
    light: float = 0.3,
    temperature: float = 0.1,
    angle: float = 15.0,
    scale: float = 0.2,
    position: float = 0.08,
    background: float = 0.8,
    blur: float = 0.7,
    noise: float = 4.0,
    validation_light: float | None = None,
    validation_temperature: float | None = None,
    validation_angle: float | None = None,
    validation_scale: float | None = None,
    validation_position: float | None = None,
    validation_background: float | None = None,
    validation_blur: float | None = None,
    validation_noise: float | None = None,
    label_noise: float = 0.0,
    mislabelled: float = 0.0,
    imbalance: float = 1.0,
    duplicates: float = 0.0,
) -> Dataset:
    """Draws flowers of five species, which differ in petals, centres and colours.

    Args:
        train: How many images to train on.
        validation: How many to validate on.
        size: Height and width in pixels.
        seed: Which flowers; another one shares none with this.
        light: Spread of the exposure, in stops; see `Conditions` for this and the next.
        temperature: Spread of the colour temperature, in stops.
        angle: Spread of the rotation, in degrees.
        scale: Spread of the scale, relative.
        position: Spread of the position, as a part of the size.
        background: How much the backgrounds differ, 0 to 1.
        blur: The greatest standard deviation of the blur, in pixels.
        noise: Standard deviation of the sensor's noise, in levels of 255.
        validation_light: `light` of the validation images; None for the same, as for
            all that follow.
        validation_temperature: Their `temperature`.
        validation_angle: Their `angle`.
        validation_scale: Their `scale`.
        validation_position: Their `position`.
        validation_background: Their `background`.
        validation_blur: Their `blur`.
        validation_noise: Their `noise`.
        label_noise: Share of the training labels that are another species, drawn
            evenly.
        mislabelled: Share of the training images of dandelions that are labelled as
            sunflowers.
        imbalance: How many times rarer the last species is than the first in training,
            with equal ratios between; 1 for none.
        duplicates: Share of the validation images that show a training image again,
            under the same conditions but for the noise and a third of a pixel.

    Returns:
        Images uint8 [N, size, size, 3] with their labels.

    Raises:
        UsageError: An argument is not in its range.
    """
    _check(train=train, validation=validation, size=size, seed=seed)
    _check(label_noise=label_noise, mislabelled=mislabelled)
    _check(imbalance=imbalance, duplicates=duplicates)
    conditions = Conditions(
        light, temperature, angle, scale, position, background, blur, noise
    )
    _check(**dataclasses.asdict(conditions))
    changes = _given(
        validation_light=validation_light,
        validation_temperature=validation_temperature,
        validation_angle=validation_angle,
        validation_scale=validation_scale,
        validation_position=validation_position,
        validation_background=validation_background,
        validation_blur=validation_blur,
        validation_noise=validation_noise,
    )

    source = _Source(seed, "train")
    scenes = _scenes(train, conditions, imbalance, source)
    labels = _plant(scenes.species, label_noise, mislabelled, source)
    training = Split(_render(scenes, size, source), labels)

    source = _Source(seed, "validation")
    conditions = dataclasses.replace(conditions, **changes)
    unseen = _scenes(validation, conditions, 1.0, source)
    unseen = _duplicate(unseen, scenes, duplicates, source)
    return Dataset(
        name="drawn_flowers",
        train=training,
        validation=Split(_render(unseen, size, source), unseen.species),
        class_names=flower.SPECIES,
    )


def _given(**values: float | None) -> dict[str, float]:
    """Returns the checked values that are not None, under the names for training."""
    given = {name: value for name, value in values.items() if value is not None}
    _check(**given)
    return {name.removeprefix("validation_"): value for name, value in given.items()}


def _check(**values: float) -> None:
    for name, value in values.items():
        low, high = _RANGES[name.removeprefix("validation_")]
        whole = name in _WHOLE
        fits = isinstance(value, int if whole else (int, float))
        if isinstance(value, bool) or not fits or not low <= value <= high:
            kind = "a whole number" if whole else "a number"
            span = f"of at least {low}" if high == math.inf else f"from {low} to {high}"
            raise UsageError(f"{name} must be {kind} {span}, not {value!r}")


def _scenes(
    count: int, conditions: Conditions, imbalance: float, source: _Source
) -> scene.Scenes:
    """Returns the scenes of a split, before any are replaced by duplicates."""

    def around(name: str, *shape: int) -> np.ndarray:
        draws = source.stream(name).uniform(-1, 1, (count, *shape))
        return draws * getattr(conditions, name)

    classes = len(flower.SPECIES)
    shares = imbalance ** -(np.arange(classes) / (classes - 1))
    return scene.Scenes(
        species=_divide(count, shares / shares.sum(), source.stream("species")),
        form=source.stream("form").random((count, flower.FORM_DRAWS), np.float32),
        ground=source.stream("ground").random((count, scene.GROUND_DRAWS), np.float32),
        light=around("light"),
        temperature=around("temperature"),
        angle=around("angle"),
        scale=1 + around("scale"),
        position=around("position", 2),
        background=np.full(count, conditions.background),
        blur=source.stream("blur").random(count) * conditions.blur,
        noise=np.full(count, conditions.noise),
    )


def _divide(
    count: int, shares: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    """Returns a random group for each example, with the groups' shares kept exactly.

    After each block of examples, each group has its share of them, rounded; and the
    first groups of the blocks do not depend on how many blocks follow.

    Args:
        count: How many examples.
        shares: float [G], the parts of the groups, 1 in all.
        generator: Decides which examples of a block are of which group.

    Returns:
        int32 [count], from 0 to G - 1.
    """
    blocks = -(-count // _BLOCK)
    ranks = generator.random((blocks, _BLOCK)).argsort(1).argsort(1)
    examples = np.arange(blocks + 1)[:, None] * _BLOCK
    # What the last group gets is left over; rounding keeps sums such as 0.99999 whole.
    totals = np.floor(np.cumsum(shares)[:-1] * examples + 0.5).astype(int)
    limits = np.diff(totals, axis=0)
    groups = (ranks[:, :, None] >= limits[:, None]).sum(2)
    return groups.ravel()[:count].astype(np.int32)


def _chosen(count: int, share: float, generator: np.random.Generator) -> np.ndarray:
    """Returns which examples belong to a share of them, bool [count]."""
    return _divide(count, np.array([share, 1 - share]), generator) == 0


def _plant(
    species: np.ndarray, label_noise: float, mislabelled: float, source: _Source
) -> np.ndarray:
    """Returns the labels, int32 [N], with the faults that were asked for."""
    labels = species.copy()
    true, called = (flower.SPECIES.index(name) for name in MISLABELLED)
    members = np.flatnonzero(species == true)
    wrong = _chosen(len(members), mislabelled, source.stream("mislabelled"))
    labels[members[wrong]] = called
    wrong = _chosen(len(species), label_noise, source.stream("wrong"))
    classes = len(flower.SPECIES)
    # One to four species further is any but the true one.
    others = source.stream("other").random(len(species)) * (classes - 1)
    further = (species + 1 + others.astype(np.int32)) % classes
    labels[wrong] = further[wrong]
    return labels


def _duplicate(
    scenes: scene.Scenes, originals: scene.Scenes, share: float, source: _Source
) -> scene.Scenes:
    """Returns validation scenes of which a share shows what training scenes do."""
    count = len(scenes)
    chosen = _chosen(count, share, source.stream("duplicate"))
    shake = source.stream("shake").uniform(-_SHAKE, _SHAKE, (count, 2))
    copies = originals.take(np.arange(count) % len(originals))
    copies = dataclasses.replace(copies, position=copies.position + shake)

    def pick(name: str) -> np.ndarray:
        own, copied = getattr(scenes, name), getattr(copies, name)
        return np.where(chosen.reshape(-1, *[1] * (own.ndim - 1)), copied, own)

    fields = dataclasses.fields(scene.Scenes)
    return scene.Scenes(**{field.name: pick(field.name) for field in fields})


def _render(scenes: scene.Scenes, size: int, source: _Source) -> np.ndarray:
    return scene.render(scenes, size, source.stream("sensor").bit_generator)
