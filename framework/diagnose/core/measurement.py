"""Typed measurements, each made at first use and once only."""

from __future__ import annotations

import abc
import dataclasses
import enum
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeVar

if TYPE_CHECKING:
    from framework.diagnose.core.context import DiagnosisContext
    from framework.diagnose.core.settings import TrainingSettings


class NotApplicableError(Exception):
    """A measurement or intervention does not apply to this program; says why."""


@dataclasses.dataclass(frozen=True)
class Unavailable:
    """A measurement that could not be made.

    Attributes:
        name: That of the class.
        reason: Why, in words.
        is_failure: Whether the measurement itself failed; else it does not apply to
            this program or these data.
    """

    name: str
    reason: str
    is_failure: bool


class UnavailableError(Exception):
    """A measurement that a check needs is not available.

    Args:
        unavailable: Which, and why.
    """

    def __init__(self, unavailable: Unavailable):
        super().__init__(unavailable.reason)
        self.unavailable = unavailable


class Part(enum.IntEnum):
    """A part of a program; each includes those before it."""

    # The images and labels.
    DATA = 0
    # And the model before its first step, its loss and its gradients.
    START = 1
    # And how it is trained.
    TRAINING = 2


class Measurement(abc.ABC):
    """Base class of measurements: frozen dataclasses with units and intervals.

    Attributes:
        is_reported: Whether it is part of diagnosis.json.
        depends_on: The part of the program that determines it. An intervention that
            leaves this part as it is leaves the measurement as it is.
    """

    is_reported: ClassVar[bool] = True
    depends_on: ClassVar[Part] = Part.TRAINING

    @classmethod
    @abc.abstractmethod
    def measure(cls: type[MeasurementT], context: DiagnosisContext) -> MeasurementT:
        """Measures a program.

        Raises:
            NotApplicableError: The program or its data have nothing to measure.
        """


MeasurementT = TypeVar("MeasurementT", bound=Measurement)


class Measurements:
    """The measurements of a program, and the causes that are confirmed by now.

    Args:
        context: What to measure; None if only `known` is to be had, as in tests.
        settings: How the program is trained.
        known: Measurements that were made already.

    Attributes:
        settings: How the program is trained.
        confirmed: The names of the causes that are confirmed by now.
        void: The fraction of the validation images on which no gain counts, because
            they may be copies of training images.
        unavailable: What could not be measured, in order of the attempts.
    """

    def __init__(
        self,
        context: DiagnosisContext | None,
        settings: TrainingSettings,
        known: Iterable[Measurement] = (),
    ):
        self.settings = settings
        self.confirmed: set[str] = set()
        self.void = 0.0
        self.unavailable: list[Unavailable] = []
        self._context = context
        self._results: dict[type[Measurement], Measurement | Unavailable] = {
            type(each): each for each in known
        }

    def get(self, kind: type[MeasurementT]) -> MeasurementT:
        """Returns a measurement, which is made at the first call.

        Raises:
            UnavailableError: It is not available. An exception within the measurement
                counts as that, and is kept in `unavailable` as a failure.
        """
        if kind not in self._results:
            self._results[kind] = self._measured(kind)
        result = self._results[kind]
        if isinstance(result, Unavailable):
            raise UnavailableError(result)
        assert isinstance(result, kind)
        return result

    def find(self, kind: type[MeasurementT]) -> MeasurementT | None:
        """Returns a measurement; None if it is not available."""
        try:
            return self.get(kind)
        except UnavailableError:
            return None

    def made(self, kind: type[Measurement]) -> Measurement | None:
        """Returns a measurement if it was made already, else None."""
        result = self._results.get(kind)
        return result if isinstance(result, Measurement) else None

    def keep(self, known: Iterable[Measurement]) -> None:
        """Takes measurements over that were made already."""
        self._results |= {type(each): each for each in known}

    def determined_by(self, part: Part) -> list[Measurement]:
        """Returns the measurements made so far that depend on no more than a part."""
        return [
            each
            for each in self._results.values()
            if isinstance(each, Measurement) and each.depends_on <= part
        ]

    def close(self) -> None:
        """Makes no further measurements: the program is no longer what it was."""
        self._context = None

    @property
    def reported(self) -> dict[str, Measurement]:
        """The measurements for diagnosis.json, by the names of their classes."""
        return {
            kind.__name__: result
            for kind, result in self._results.items()
            if isinstance(result, Measurement) and kind.is_reported
        }

    def _measured(self, kind: type[Measurement]) -> Measurement | Unavailable:
        try:
            if self._context is None:
                raise NotApplicableError("it was not given")
            return kind.measure(self._context)
        except (NotApplicableError, UnavailableError) as problem:
            result = Unavailable(kind.__name__, str(problem), is_failure=False)
        except Exception as problem:
            # One that fails must neither hide the others nor pass for "nothing found".
            result = Unavailable(kind.__name__, described(problem), is_failure=True)
        self.unavailable.append(result)
        return result


def described(problem: Exception) -> str:
    """Returns one line: the exception, and where it was raised.

    Example:
        >>> try:
        ...     {}["images"]
        ... except KeyError as problem:
        ...     described(problem).partition(" (")[0]
        "KeyError: 'images'"
    """
    place = traceback.extract_tb(problem.__traceback__)[-1]
    text = " ".join(str(problem).split())[:200]
    where = f"{Path(place.filename).name}:{place.lineno}"
    return f"{type(problem).__name__}: {text} ({where})"
