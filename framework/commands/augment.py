"""Shows what an augmentation makes of images.

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

_DATASET = flags.DEFINE_string("dataset", "drawn_flowers", "Whose training images.")
_SEED = flags.DEFINE_integer("seed", 0, "Of the draws, as in a run.", 0, 2**32 - 1)
_PNG = flags.DEFINE_string("png", "", "Write the pictures to this file.")
_EXPERIMENT = command.define_experiment()


def show(arguments: list[str]) -> None:
    """Does what the command line says."""
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
    print(f"{_PNG.value}: {len(rows)} images, each with {len(rows[0]) - 1} draws of it")


def _help(arguments: list[str]) -> str:
    """Returns the help that a spec asks for, or an empty text."""
    augmentation = arguments[0] if arguments else ""
    return families.answer("augment", augmentation) or families.answer(
        "dataset", _DATASET.value
    )


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Does what the command line says, and exits."""
    command.run(show, argv)
