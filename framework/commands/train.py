"""Trains an image classifier on any data set, with any model.

whyflat train
whyflat train --dataset='folder("photos", size=64)' --model=resnet
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from framework import main as main_lib
from framework.config import Config

CONFIG = Config()


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Parses the command line, trains, and exits."""
    main_lib.main(CONFIG, argv=argv, about=__doc__)
