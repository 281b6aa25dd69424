"""Parses untrusted JSON; every error is an `InvalidJsonError`."""

from __future__ import annotations

import json
from collections.abc import Iterator


class InvalidJsonError(ValueError):
    """A text is not JSON, or not of the expected structure."""


def parse(content: bytes) -> object:
    """Parses a JSON text.

    Args:
        content: UTF-8. NaN and Infinity are accepted, as Python writes them.

    Raises:
        InvalidJsonError: It is not UTF-8, not JSON, nested too deeply, or a number is
            too long.

    Example:
        >>> parse(b'{"step": 10}')
        {'step': 10}
    """
    try:
        return json.loads(content.decode())
    except UnicodeDecodeError as problem:
        raise InvalidJsonError(f"byte {problem.start} is not UTF-8") from None
    except RecursionError:
        raise InvalidJsonError("it is nested too deeply") from None
    except ValueError as problem:
        raise InvalidJsonError(str(problem)) from None


def parse_object(content: bytes) -> dict[str, object]:
    """Parses a JSON object.

    >>> parse_object(b'{"step": 10}')
    {'step': 10}

    Raises:
        InvalidJsonError: See `parse`; or the value is not an object.
    """
    value = parse(content)
    if not isinstance(value, dict):
        raise InvalidJsonError("it is not a JSON object")
    return value


def parse_record(content: bytes) -> dict[str, float]:
    """Parses a record of numbers by name, with a non-negative integer "step".

    Raises:
        InvalidJsonError: See `parse_object`; or a member is not a number.
    """
    record = parse_object(content)
    step = record.get("step")
    if type(step) is not int or not 0 <= step < 2**63:
        raise InvalidJsonError("its step is not a non-negative integer")
    numbers: dict[str, float] = {}
    for name, value in record.items():
        # In Python a bool is an int, and an int can be too long for a float.
        if type(value) is float or (type(value) is int and abs(value) < 2**63):
            numbers[name] = value
        else:
            raise InvalidJsonError(f"its {name!r} is not a number")
    return numbers


def lines(content: bytes) -> Iterator[tuple[int, bytes, bool]]:
    """Yields the lines of a text: 1-based number, content, whether it has a newline.

    Only the last line can lack a newline, if its writer was killed.
    """
    *complete, last = content.split(b"\n")
    for number, line in enumerate(complete, start=1):
        yield number, line, True
    if last:
        yield len(complete) + 1, last, False
