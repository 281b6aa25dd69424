"""Drawn flowers: a data set without files, in which faults can be injected.

Each kind of random number comes from its own stream, and each image has the same
position in every stream whatever the other arguments are. A larger set therefore begins
with the smaller one. With another light or other labels the flowers stay the same.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from framework.data import flower, scene
from framework.data.dataset import Dataset
from framework.data.split import Split
from framework.errors import UsageError

# `mislabelled` gives images of the first species the label of the second.
MISLABELLED = ("dandelion", "sunflower")

_SPLITS = ("train", "validation")
# The key of the test part's first stream, far from those of the others: it came later,
# and must not change their numbers.
_TEST_KEY = 2**32
# Add new streams at the end: a stream's position is part of its key.
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
# Every block of this many examples has the exact fraction of each class and fault.
_BLOCK = 100
# Maximum shift of a duplicate, as a fraction of the size: a third of a pixel of 64.
_SHAKE = 0.005
_RANGES = {
    "train": (1, math.inf),
    "validation": (1, math.inf),
    "test": (0, math.inf),
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
_INTEGERS = ("train", "validation", "test", "size", "seed")


@dataclasses.dataclass(frozen=True)
class Conditions:
    """Ranges of the imaging conditions of a split.

    Attributes:
        light: Maximum change of exposure in stops, up or down; a stop doubles the
            values.
        temperature: Maximum change of colour temperature in stops: of red up and blue
            down, or the reverse.
        angle: Maximum rotation in degrees, to either side.
        scale: Maximum relative change of size, up or down.
        position: Maximum shift from the centre, as a fraction of the image size.
        background: Variety from 0, one plain green, to 1, any tone and texture.
        blur: Maximum standard deviation of the blur, in pixels.
        noise: Standard deviation of the sensor noise, in levels of 255.
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
    """The random number streams of a split."""

    seed: int
    split: str

    def stream(self, name: str) -> np.random.Generator:
        """Returns a named stream from its beginning."""
        number = _STREAMS.index(name)
        if self.split == "test":
            number += _TEST_KEY
        else:
            number = len(_SPLITS) * number + _SPLITS.index(self.split)
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
    test: int = 0,
) -> Dataset:
    """Draws flowers of five species, which differ in petals, centres and colours.

    Images are uint8 [N, size, size, 3].

    >>> dataset = drawn_flowers(train=10, validation=5, size=32)
    >>> dataset.train.shape, dataset.class_names[:2]
    ((10, 32, 32, 3), ('daisy', 'dandelion'))

    Args:
        train: The number of training images.
        validation: The number of validation images.
        size: Height and width in pixels.
        seed: Seed of all random numbers; other seeds give other flowers.
        light: Maximum change of exposure, in stops; see `Conditions` for all ranges.
        temperature: Maximum change of colour temperature, in stops.
        angle: Maximum rotation, in degrees.
        scale: Maximum relative change of size.
        position: Maximum shift, as a fraction of the size.
        background: Variety of the backgrounds, from 0 to 1.
        blur: Maximum standard deviation of the blur, in pixels.
        noise: Standard deviation of the sensor noise, in levels of 255.
        validation_light: `light` of the validation images; None for that of training.
        validation_temperature: Likewise for `temperature`.
        validation_angle: Likewise for `angle`.
        validation_scale: Likewise for `scale`.
        validation_position: Likewise for `position`.
        validation_background: Likewise for `background`.
        validation_blur: Likewise for `blur`.
        validation_noise: Likewise for `noise`.
        label_noise: Fraction of training labels replaced by another species, drawn
            uniformly.
        mislabelled: Fraction of training images of dandelions labelled as sunflowers.
        imbalance: Ratio of the first to the last species in training, with a geometric
            progression between them; 1 for balanced classes.
        duplicates: Fraction of validation images that repeat a training image, with
            other noise and a shift of up to a third of a pixel.
        test: The number of test images, under the conditions of validation; 0 for no
            test part.

    Raises:
        UsageError: An argument is out of range.
    """
    _check(train=train, validation=validation, test=test, size=size, seed=seed)
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
    labels = _inject_label_faults(scenes.species, label_noise, mislabelled, source)
    training = Split(_render(scenes, size, source), labels)

    source = _Source(seed, "validation")
    conditions = dataclasses.replace(conditions, **changes)
    unseen = _scenes(validation, conditions, 1.0, source)
    unseen = _duplicate(unseen, scenes, duplicates, source)
    untouched = None
    if test:
        drawn = _scenes(test, conditions, 1.0, _Source(seed, "test"))
        untouched = Split(_render(drawn, size, _Source(seed, "test")), drawn.species)
    return Dataset(
        name="drawn_flowers",
        train=training,
        validation=Split(_render(unseen, size, source), unseen.species),
        test=untouched,
        class_names=flower.SPECIES,
    )


def _given(**values: float | None) -> dict[str, float]:
    """Validates the values that are not None; returns them without "validation_"."""
    given = {name: value for name, value in values.items() if value is not None}
    _check(**given)
    return {name.removeprefix("validation_"): value for name, value in given.items()}


def _check(**values: float) -> None:
    for name, value in values.items():
        low, high = _RANGES[name.removeprefix("validation_")]
        is_integer = name in _INTEGERS
        fits = isinstance(value, int if is_integer else (int, float))
        if isinstance(value, bool) or not fits or not low <= value <= high:
            kind = "an integer" if is_integer else "a number"
            span = f"of at least {low}" if high == math.inf else f"from {low} to {high}"
            raise UsageError(f"{name} must be {kind} {span}, not {value!r}")


def _scenes(
    count: int, conditions: Conditions, imbalance: float, source: _Source
) -> scene.Scenes:
    """Draws the scenes of a split, before duplicates replace some of them."""

    def around(name: str, *shape: int) -> np.ndarray:
        draws = source.stream(name).uniform(-1, 1, (count, *shape))
        return draws * getattr(conditions, name)

    classes = len(flower.SPECIES)
    frequencies = imbalance ** -(np.arange(classes) / (classes - 1))
    fractions = frequencies / frequencies.sum()
    return scene.Scenes(
        species=_divide(count, fractions, source.stream("species")),
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
    count: int, fractions: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    """Draws a random group for each example, with exact group sizes.

    After each block of examples, each group has its fraction of them, rounded. The
    groups of the first blocks do not depend on the number of blocks.

    Args:
        count: The number of examples.
        fractions: float [G], the fraction of each group; they add up to 1.
        generator: Draws which examples of a block are of which group.

    Returns:
        int32 [count], from 0 to G - 1.
    """
    blocks = -(-count // _BLOCK)
    ranks = generator.random((blocks, _BLOCK)).argsort(1).argsort(1)
    examples = np.arange(blocks + 1)[:, None] * _BLOCK
    # The last group gets the rest, because a sum may be 0.99999 instead of 1.
    totals = np.floor(np.cumsum(fractions)[:-1] * examples + 0.5).astype(int)
    limits = np.diff(totals, axis=0)
    groups = (ranks[:, :, None] >= limits[:, None]).sum(2)
    return groups.ravel()[:count].astype(np.int32)


def _choose(count: int, fraction: float, generator: np.random.Generator) -> np.ndarray:
    """Draws a random fraction of the examples as a mask, bool [count]."""
    return _divide(count, np.array([fraction, 1 - fraction]), generator) == 0


def _inject_label_faults(
    species: np.ndarray, label_noise: float, mislabelled: float, source: _Source
) -> np.ndarray:
    """Returns the labels with wrong ones among them, int32 [N]."""
    labels = species.copy()
    true, called = (flower.SPECIES.index(name) for name in MISLABELLED)
    members = np.flatnonzero(species == true)
    wrong = _choose(len(members), mislabelled, source.stream("mislabelled"))
    labels[members[wrong]] = called
    wrong = _choose(len(species), label_noise, source.stream("wrong"))
    classes = len(flower.SPECIES)
    # Adding 1 to 4, modulo 5, gives any species but the true one.
    others = source.stream("other").random(len(species)) * (classes - 1)
    further = (species + 1 + others.astype(np.int32)) % classes
    labels[wrong] = further[wrong]
    return labels


def _duplicate(
    scenes: scene.Scenes, originals: scene.Scenes, fraction: float, source: _Source
) -> scene.Scenes:
    """Replaces a fraction of the validation scenes by training scenes."""
    count = len(scenes)
    chosen = _choose(count, fraction, source.stream("duplicate"))
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
