"""Tests of framework/diagnose/core/measurement.py."""

import dataclasses
import re
from typing import ClassVar

import pytest

from framework.diagnose.core.measurement import (
    Measurement,
    Measurements,
    NotApplicableError,
    Unavailable,
    UnavailableError,
)


@dataclasses.dataclass(frozen=True)
class Raising(Measurement):
    """Raises the exception that stands for the context, or returns its value."""

    value: int
    calls: ClassVar[list] = []

    @classmethod
    def measure(cls, context):
        cls.calls.append(context)
        if isinstance(context.source, Exception):
            raise context.source
        return cls(context.source)


@dataclasses.dataclass(frozen=True)
class Twice(Measurement):
    """Needs the other measurement."""

    is_reported: ClassVar[bool] = False
    value: int

    @classmethod
    def measure(cls, context):
        return cls(2 * context.get(Raising).value)


class Context:
    """Has a value to measure, or an exception to raise."""

    def __init__(self, source):
        self.source = source
        self.measurements = Measurements(self, None)

    def get(self, kind):
        return self.measurements.get(kind)


@pytest.fixture(autouse=True)
def no_calls(monkeypatch):
    monkeypatch.setattr(Raising, "calls", [])


def unavailable(source, kind=Raising):
    """Returns why a measurement is not available, and all measurements."""
    measurements = Context(source).measurements
    with pytest.raises(UnavailableError) as error:
        measurements.get(kind)
    return error.value.unavailable, measurements


def test_a_measurement_is_made_once_only():
    measurements = Context(3).measurements
    assert measurements.get(Raising) is measurements.get(Raising)
    assert measurements.find(Raising).value == 3
    assert len(Raising.calls) == 1
    assert measurements.unavailable == []


@pytest.mark.parametrize(
    "error",
    [
        ValueError("3 is\n  no\tnumber"),
        KeyError("train"),
        AssertionError(),
        AttributeError("no attribute"),
        MemoryError("too large"),
        OSError(5, "cannot be read"),
        RuntimeError("x" * 1000),
        type("OwnError", (Exception,), {})("of a library"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_any_exception_is_a_failure(error):
    why, measurements = unavailable(error)
    assert why.is_failure
    assert why.name == "Raising"
    text = " ".join(str(error).split())[:200]
    assert why.reason.startswith(f"{type(error).__name__}: {text}")
    assert re.search(r" \(test_measurement\.py:\d+\)$", why.reason)
    assert "\n" not in why.reason
    assert measurements.unavailable == [why]


def test_a_failure_is_made_once_only():
    why, measurements = unavailable(ValueError("no number"))
    with pytest.raises(UnavailableError) as error:
        measurements.get(Raising)
    assert error.value.unavailable is why
    assert measurements.find(Raising) is None
    assert len(Raising.calls) == 1
    assert measurements.unavailable == [why]


def test_the_reason_names_the_line_that_raised():
    try:
        int("x")
    except ValueError as error:
        raised = error
    line = raised.__traceback__.tb_lineno
    why, _ = unavailable(raised)
    assert why.reason.endswith(f"(test_measurement.py:{line})")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1)])
def test_a_request_to_stop_is_no_failure(error, monkeypatch):
    def measure(context):
        raise error

    monkeypatch.setattr(Raising, "measure", measure)
    with pytest.raises(type(error)):
        Context(None).measurements.get(Raising)


def test_what_does_not_apply_is_no_failure():
    why, measurements = unavailable(NotApplicableError("there is no batch norm"))
    assert why == Unavailable("Raising", "there is no batch norm", is_failure=False)
    assert measurements.unavailable == [why]
    assert measurements.find(Raising) is None


def test_a_measurement_that_was_not_given_is_no_failure():
    measurements = Measurements(None, None, [Twice(4)])
    assert measurements.get(Twice).value == 4
    with pytest.raises(UnavailableError, match="it was not given"):
        measurements.get(Raising)
    assert not measurements.unavailable[0].is_failure


def test_chained_measurements_pass_the_reason_on():
    why, measurements = unavailable(NotApplicableError("there are no images"), Twice)
    assert why == Unavailable("Twice", "there are no images", is_failure=False)
    names = [each.name for each in measurements.unavailable]
    assert names == ["Raising", "Twice"]


def test_a_failure_is_counted_where_it_happened():
    why, measurements = unavailable(ValueError("no number"), Twice)
    cause, _ = measurements.unavailable
    assert (cause.name, cause.is_failure) == ("Raising", True)
    # The second did not fail itself, and says why the first did.
    assert (why.name, why.is_failure) == ("Twice", False)
    assert why.reason == cause.reason


def test_only_what_was_measured_and_is_wanted_is_reported():
    measurements = Context(3).measurements
    measurements.get(Twice)
    assert measurements.reported == {"Raising": Raising(3)}
    _, failed = unavailable(ValueError("no number"))
    assert failed.reported == {}
