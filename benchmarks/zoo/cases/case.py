"""A case of the zoo: a program, with or without a fault."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from framework.config import Config
from framework.data.split import Split
from framework.diagnose.core.causes import CAUSES

HALVES = ("calibration", "report")
# Sets that are scored apart, for they were drawn at different times.
GROUPS = ("zoo", "public")
NOTHING_IS_WRONG = "nothing is wrong"
TOO_FEW_IMAGES = "too few images"
CANNOT_TELL = "cannot tell"


@dataclasses.dataclass(frozen=True)
class Answer:
    """How a diagnosis of a case without a fault gives the right answer.

    It gives it if it confirms no cause other than `causes`, and, unless both are empty,
    either its verdict on the curve is one of `verdicts`, or it names or suspects one of
    `causes`.

    Attributes:
        causes: Causes that mean the same as the answer.
        verdicts: Verdicts on the curve that mean the same.
    """

    causes: tuple[str, ...] = ()
    verdicts: tuple[str, ...] = ()


ANSWERS: Mapping[str, Answer] = {
    NOTHING_IS_WRONG: Answer(),
    # More training images help, and the usual fixes do not. A diagnosis says so by
    # the gap between both splits, or by a validation set too small to show more.
    TOO_FEW_IMAGES: Answer(("overfitting", "validation_too_small"), ("unresolvable",)),
    # The images cannot decide it: too few to validate on, or labels they do not show.
    CANNOT_TELL: Answer(("validation_too_small",), ("unresolvable", "at_chance")),
}


@dataclasses.dataclass(frozen=True, eq=False)
class Program:
    """A Keras program: the arguments of its author's `fit`.

    Attributes:
        model: Compiled.
        train: (images, labels), or whatever else `fit` takes.
        validation: The same, to validate on.
        test: Images as the author's model takes them, and their true classes, int [N]:
            the true accuracy of the model. No part of the program sees them.
        epochs: How long it trains.
        batch_size: None where the data come in batches.
        callbacks: Of `fit`.
    """

    model: keras.Model
    train: Any
    validation: Any
    test: tuple[np.ndarray, np.ndarray]
    epochs: int
    batch_size: int | None = 32
    callbacks: tuple[keras.callbacks.Callback, ...] = ()


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
    """A run of this framework.

    Attributes:
        config: All that defines it.
        test: What the model is really worth is measured on these; None for the
            validation images.
    """

    config: Config
    test: Callable[[], Split] | None = None


@dataclasses.dataclass(frozen=True)
class Case:
    """A case to diagnose.

    Attributes:
        name: Unique.
        source: What it re-creates.
        data: What it trains on.
        faults: One entry a fault: its cause, and after "|" others that are as right,
            for their remedy alone would do. None at all if it is healthy.
        make: Returns the program of a seed, with its faults or without.
        ruler: Whether the fault is in the reported number, and not in the accuracy.
        floor: What accuracy a healthy case reaches at least.
        half: One of `HALVES`: thresholds may be chosen by the first only.
        group: One of `GROUPS`.
        answer: One of `ANSWERS`, the right one if there are no faults.
        tolerated: Further causes that are no false alarm although there are no faults.
    """

    name: str
    source: str
    data: str
    faults: tuple[str, ...]
    make: Callable[[int, bool], Program | Run]
    ruler: bool = False
    floor: float = 0.0
    half: str = "calibration"
    group: str = "zoo"
    answer: str = NOTHING_IS_WRONG
    tolerated: tuple[str, ...] = ()

    def __post_init__(self):
        unknown = (self.accepted | set(self.tolerated)) - set(CAUSES)
        known = self.half in HALVES and self.group in GROUPS and self.answer in ANSWERS
        if unknown or not known:
            raise ValueError(
                f"{self.name}: half must be one of {', '.join(HALVES)}, not "
                f"{self.half!r}; group one of {', '.join(GROUPS)}, not {self.group!r}; "
                f"answer one of {', '.join(ANSWERS)}, not {self.answer!r}; and faults "
                f"must be causes, not {sorted(unknown)}"
            )

    @property
    def causes(self) -> tuple[tuple[str, ...], ...]:
        """For each fault, the causes that are accepted; its own comes first."""
        return tuple(tuple(fault.split("|")) for fault in self.faults)

    @property
    def accepted(self) -> frozenset[str]:
        """All causes that are right."""
        return frozenset(cause for fault in self.causes for cause in fault)

    @property
    def healthy(self) -> bool:
        """Whether the case has no fault."""
        return not self.faults

    @property
    def harmless(self) -> frozenset[str]:
        """The causes that are no false alarm if the case is healthy."""
        return frozenset(self.tolerated) | set(ANSWERS[self.answer].causes)

    @property
    def has_twin(self) -> bool:
        """Whether `make` has a version without the fault, or with more images."""
        return bool(self.faults) or self.answer == TOO_FEW_IMAGES


def case(
    name: str,
    source: str,
    data: str,
    faults: str,
    make: Callable[[int, bool], Program | Run],
    **options: Any,
) -> Case:
    """Returns a case; its faults are separated by spaces, and empty if it is healthy.

    Args:
        name: See `Case`, and so are `source`, `data` and `make`.
        source: What it re-creates.
        data: What it trains on.
        faults: For example "label_noise dead_units|bad_initialization".
        make: Returns the program.
        **options: Of `Case`.
    """
    return Case(name, source, data, tuple(faults.split()), make, **options)
