"""Tests of framework/diagnose/core/second_look.py."""

import contextlib
import dataclasses
import types
from typing import ClassVar

import pytest

from framework.diagnose.core.check import Check, Phase, Suspicion
from framework.diagnose.core.finding import Evidence
from framework.diagnose.core.intervention import Intervention
from framework.diagnose.core.measurement import (
    Measurement,
    Measurements,
    NotApplicableError,
    Part,
    Unavailable,
    UnavailableError,
)
from framework.diagnose.core.second_look import is_hidden, look_again
from framework.diagnose.core.standing import Accepted


@dataclasses.dataclass(frozen=True)
class Rate(Measurement):
    """A number that a remedy changes."""

    value: float

    @classmethod
    def measure(cls, context):
        return cls(context.rate)


@dataclasses.dataclass(frozen=True)
class Noise(Measurement):
    """A number that it does not."""

    value: float

    @classmethod
    def measure(cls, context):
        return cls(context.rate)


@dataclasses.dataclass(frozen=True)
class Images(Rate):
    """A number of the data alone."""

    depends_on: ClassVar[Part] = Part.DATA


@dataclasses.dataclass(frozen=True)
class Start(Rate):
    """A number of the model before its first step."""

    depends_on: ClassVar[Part] = Part.START


@dataclasses.dataclass(frozen=True)
class Both(Measurement):
    """Needs the other two."""

    value: tuple[float, float]

    @classmethod
    def measure(cls, context):
        return cls((context.get(Images).value, context.get(Start).value))


@dataclasses.dataclass(frozen=True)
class RateLow(Check):
    """Suspects a low rate."""

    cause_name: ClassVar[str] = "learning_rate_too_low"
    phase: ClassVar[Phase] = Phase.STEPS

    def suspect(self, measured):
        values = measured.get(Rate).value, measured.get(Noise).value
        return Suspicion(str(values), (), "", "") if values[0] < 1 else None


@dataclasses.dataclass(frozen=True)
class Unable(Check):
    """Cannot judge."""

    cause_name: ClassVar[str] = "dead_units"
    phase: ClassVar[Phase] = Phase.STEPS

    def suspect(self, measured):
        raise UnavailableError(Unavailable("Rate", "there is none", False))


RESULT = types.SimpleNamespace(epochs=4.0)
ACCEPTED = Accepted(Intervention(standardize=True), ("unnormalized_inputs",), RESULT)


def context(entered, mended=True):
    settings = types.SimpleNamespace()

    @contextlib.contextmanager
    def enter(intervention, result):
        entered.append((intervention, result))
        other = types.SimpleNamespace(rate=0.1, settings=settings)
        other.measurements = Measurements(other, settings)
        other.get = other.measurements.get
        yield other
        entered.append("left")

    made = types.SimpleNamespace(rate=10.0, mended=enter if mended else None)
    made.measurements = Measurements(made, settings)
    return made


def test_what_a_remedy_changes_is_measured_anew():
    entered = []
    made = context(entered)
    made.measurements.get(Noise)
    made.measurements.confirmed.add("unnormalized_inputs")
    assert RateLow().suspect(made.measurements) is None
    look = look_again(made, ACCEPTED, [RateLow(), Unable()], [Noise])
    assert look.suspicions[RateLow()].message == "(0.1, 10.0)"
    assert look.suspicions[Unable()].reason == "there is none"
    assert entered == [(ACCEPTED.intervention, RESULT), "left"]
    # Causes confirmed meanwhile are known to both.
    assert look.measured.confirmed is made.measurements.confirmed


@dataclasses.dataclass(frozen=True)
class Seen(Check):
    """Says what was measured of the data and before the first step."""

    cause_name: ClassVar[str] = "bad_initialization"
    phase: ClassVar[Phase] = Phase.TRAINING

    def suspect(self, measured):
        return Suspicion(str(measured.get(Both).value), (), "", "")


@pytest.mark.parametrize(
    ("intervention", "values"),
    [
        (Intervention(learning_rate_factor=10.0), (10.0, 10.0)),
        (Intervention(shuffle=True, augment="flip"), (10.0, 10.0)),
        (Intervention(dropout=0.5), (10.0, 0.1)),
        (Intervention(augment=""), (10.0, 0.1)),
        (Intervention(batch_size_factor=0.5), (10.0, 0.1)),
        (Intervention(standardize=True, learning_rate_factor=10.0), (0.1, 0.1)),
    ],
)
def test_what_a_remedy_leaves_as_it_is_is_not_measured_again(intervention, values):
    made = context([])
    for kind in (Images, Start):
        made.measurements.get(kind)
    accepted = dataclasses.replace(ACCEPTED, intervention=intervention)
    look = look_again(made, accepted, [Seen()], [])
    # Also where one measurement needs another.
    assert look.suspicions[Seen()].message == str(values)


def test_once_left_nothing_more_is_measured():
    """The program is no longer what it was."""
    look = look_again(context([]), ACCEPTED, [], [Noise])
    with pytest.raises(UnavailableError, match="it was not given"):
        look.measured.get(Rate)


def test_a_finding_says_on_which_program_it_was_seen():
    evidence = look_again(context([]), ACCEPTED, [], []).evidence()
    assert evidence.value == "the program after the remedy of unnormalized_inputs"
    assert "trial of 4 epochs" in evidence.source
    other = Evidence("gain", 0.1, "", "")
    for shown, expected in (((evidence,), True), ((other,), False)):
        assert is_hidden(types.SimpleNamespace(evidence=shown)) == expected


def test_a_program_that_cannot_be_changed_so_is_not_measured_again():
    with pytest.raises(NotApplicableError, match="cannot be measured"):
        look_again(context([], mended=False), ACCEPTED, [], [])
