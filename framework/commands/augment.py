"""Shows what an augmentation does to images.

whyflat augment 'rotate(20) + flip' --png=augmented.png
whyflat augment 'randaugment' --dataset=drawn_flowers --png=augmented.png
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import numpy as np
from absl import flags

from framework import augment, data
from framework.augment import preview
from framework.config import command, experiment
from framework.errors import UsageError
from framework.launch import families
from framework.report import figures
from framework.system import atomic, paths

_DATASET = flags.DEFINE_string(
    "dataset",
    "drawn_flowers",
    "Data set whose training images to show, such as digits.",
)
_SEED = flags.DEFINE_integer(
    "seed", 0, "Seed of the random draws, such as 1.", 0, 2**32 - 1
)
_PNG = flags.DEFINE_string(
    "png", "", "PNG file to write the images to, such as augmented.png."
)
_EXPERIMENT = command.define_experiment()


def show(arguments: list[str]) -> None:
    """Writes augmented images to a PNG file, or prints help.

    Args:
        arguments: The arguments that are not flags: one augmentation.
    """
    if text := _help(arguments):
        print(text)
        return
    if len(arguments) != 1 or not _PNG.value:
        raise UsageError(
            "give one augmentation and a file, as in 'rotate(20) + flip' --png=a.png"
        )
    if _EXPERIMENT.value:
        experiment.load(_EXPERIMENT.value)
    augment.build(arguments[0])
    split = data.build(_DATASET.value).train
    policy = augment.build(arguments[0], split.dtype == np.uint8)
    rows = preview.samples(policy, split, _SEED.value)
    png = Path(paths.expand(_PNG.value, "--png"))
    atomic.write_bytes(png, figures.samples(rows))
    count = len(rows[0]) - 1
    print(f"{_PNG.value}: {len(rows)} images, each with {count} augmentations")


def _help(arguments: list[str]) -> str:
    """Returns the help that a spec requests, or an empty text."""
    augmentation = arguments[0] if arguments else ""
    return families.answer("augment", augmentation) or families.answer(
        "dataset", _DATASET.value
    )


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Parses the command line, runs the command, and exits."""
    command.run(show, argv)
